// The bounds that a rack keeps to in its heartbeats, and that its region enforces (`heartbeat.ts`).

/** Cluster interfaces of one rack. */
export const RACK_INTERFACES_MAX = 256;
/** DNS servers of one interface. */
export const INTERFACE_SERVERS_MAX = 16;
/** The widest network that a rack may have. */
export const NETWORK_PREFIX_MIN = 8;
/** Reservations of one interface. The rack honours further ones without reporting them. */
export const RESERVATIONS_REPORTED_MAX = 4096;
/** A rack leaves out further ones, and those of the loopback network. */
export const HOST_ADDRESSES_MAX = 256;
/** Keys that a rack reports as set in its file. */
export const PINNED_MAX = 1024;
/** UTF-16 units of `settingsRefused`. */
export const SETTINGS_REFUSED_LENGTH_MAX = 1000;
/** Disk images that a rack reports. */
export const RACK_IMAGES_MAX = 256;
/** Listeners of one kind that a rack names. */
export const LISTENERS_MAX = 64;
/** Findings that a rack reports; further ones are left out. */
export const FINDINGS_MAX = 64;
export const FINDING_LENGTH_MAX = 1000;
/** Threads that a rack names. */
export const THREADS_MAX = 32;
/** Answers of one heartbeat; a rack that has more forgets the oldest. */
export const RACK_ANSWERS_MAX = 64;
/** Interfaces on which a rack sends one magic packet. */
export const WAKE_INTERFACES_MAX = 32;
/** Servers that an answer names. */
export const SERVERS_NAMED_MAX = 8;
