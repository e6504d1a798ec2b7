-- Notes: each user's own, seen and changed by nobody else.
CREATE TABLE public.notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner uuid NOT NULL DEFAULT public.user_id(),
    text text NOT NULL CHECK (length(text) <= 10000),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notes_owner ON public.notes (owner);
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY notes_own ON public.notes TO authenticated
    USING (owner = public.user_id())
    WITH CHECK (owner = public.user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON public.notes TO authenticated;
