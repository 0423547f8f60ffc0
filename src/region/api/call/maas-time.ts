// Times as MAAS writes them.

/** A time without a zone: `2024-05-01T12:00:00.000`. */
export const maasTime = (ms: number): string => new Date(ms).toISOString().slice(0, -1);
