-- Announcements: everybody reads what is published, the service role alone writes.
CREATE TABLE public.announcements (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL,
    published boolean NOT NULL DEFAULT false
);
ALTER TABLE public.announcements ENABLE ROW LEVEL SECURITY;
CREATE POLICY announcements_published ON public.announcements FOR SELECT TO anon, authenticated
    USING (published);
GRANT SELECT ON public.announcements TO anon, authenticated;
