{
    "name": "Tenant",
    "summary": "What each tenant of this installation has: an administrator whom nobody can guess",
    "version": "17.0.1.1.0",
    "depends": ["base"],
    "license": "LGPL-3",
    "post_init_hook": "post_init_hook",
}
