/** The flags of Node that a daemon runs with. */
export const DAEMON_FLAGS: readonly string[];
/** The flag of Node by which it does not warn of what is experimental. */
export const WITHOUT_WARNING: string;
/** The flag of Node by which it finds the files of the checkout sooner. */
export const QUICK_IMPORTS: string;
