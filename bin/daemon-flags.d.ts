/** The flags of Node that a daemon runs with from its sources. */
export const DAEMON_FLAGS: readonly string[];
/** The flags of Node for this main file, of the sources or of dist/. */
export function flagsFor(main: string): readonly string[];
/** The flag of Node by which it does not warn of what is experimental. */
export const WITHOUT_WARNING: string;
/** The flag of Node by which it finds the files of the checkout sooner. */
export const QUICK_IMPORTS: string;
