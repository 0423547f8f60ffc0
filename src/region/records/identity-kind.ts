// The values by which two descriptions of machines are compared (`identity/evidence.ts`).

/** The values compared besides the interfaces' addresses. */
export const IDENTITY_KINDS = ['uuid', 'serial', 'board-serial', 'asset-tag', 'bmc-mac', 'bmc-address'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];
