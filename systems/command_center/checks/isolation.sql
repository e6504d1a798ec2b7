-- Two users: each writes a note, and neither sees, changes or takes over the other's. The whole is rolled back.
DO $isolation$
DECLARE
    users uuid[] := ARRAY[gen_random_uuid(), gen_random_uuid()];
    mine uuid;
    seen bigint;
BEGIN
    FOREACH mine IN ARRAY users LOOP
        PERFORM set_config('request.jwt.claims', json_build_object('sub', mine)::text, true);
        SET LOCAL ROLE authenticated;
        INSERT INTO public.notes (text) VALUES ('isolation');
        RESET ROLE;
    END LOOP;
    FOREACH mine IN ARRAY users LOOP
        PERFORM set_config('request.jwt.claims', json_build_object('sub', mine)::text, true);
        SET LOCAL ROLE authenticated;
        SELECT count(*) INTO seen FROM public.notes WHERE owner = ANY (users);
        IF seen <> 1 OR EXISTS (SELECT FROM public.notes WHERE owner <> mine) THEN
            RAISE EXCEPTION 'isolation: a user sees notes of others';
        END IF;
        UPDATE public.notes SET text = 'changed' WHERE owner = ANY (users);
        GET DIAGNOSTICS seen = ROW_COUNT;
        IF seen <> 1 THEN
            RAISE EXCEPTION 'isolation: a user changes notes of others';
        END IF;
        BEGIN
            UPDATE public.notes SET owner = users[1] WHERE owner = users[2];
            IF FOUND THEN
                RAISE EXCEPTION 'isolation: a user gives notes to others';
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
        RESET ROLE;
    END LOOP;
    PERFORM set_config('request.jwt.claims', '{"role": "anon"}', true);
    SET LOCAL ROLE anon;
    BEGIN
        PERFORM FROM public.notes;
        RAISE EXCEPTION 'isolation: a stranger may read notes';
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;
    RESET ROLE;
END
$isolation$;
