-- Who asks: the claim `sub` of the token that came with the request; null without one.
CREATE FUNCTION public.user_id() RETURNS uuid LANGUAGE sql STABLE
    SET search_path = ''
    AS $$
        SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid
    $$;
REVOKE ALL ON FUNCTION public.user_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.user_id() TO anon, authenticated, service_role;
