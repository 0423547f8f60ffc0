/** The flags of Node that a daemon runs with. */
export const DAEMON_FLAGS: readonly string[];
