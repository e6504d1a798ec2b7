-- Tells Realtime which row has changed; what it holds, each subscriber's own role decides.
CREATE FUNCTION public.tell_realtime() RETURNS trigger LANGUAGE plpgsql
    SET search_path = ''
    AS $$
    BEGIN
        PERFORM pg_notify('realtime', json_build_object(
            'schema', TG_TABLE_SCHEMA, 'table', TG_TABLE_NAME, 'type', TG_OP, 'id', NEW.id
        )::text);
        RETURN NULL;
    END
    $$;
CREATE TRIGGER notes_realtime AFTER INSERT OR UPDATE ON public.notes
    FOR EACH ROW EXECUTE FUNCTION public.tell_realtime();
CREATE TRIGGER announcements_realtime AFTER INSERT OR UPDATE ON public.announcements
    FOR EACH ROW EXECUTE FUNCTION public.tell_realtime();
