// Names with a meaning for other machines, which no client and no machine may take.
// Sources: RFC 6761 §6.3 (localhost); web proxy and ISATAP discovery.

/** Labels that no host may have, in lower case. */
export const RESERVED_LABELS: ReadonlySet<string> = new Set(['localhost', 'wpad', 'isatap']);
