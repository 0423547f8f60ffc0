// The names of the DNS benchmark, shared by server and load.

export const BENCH_DOMAIN = 'bench.example';

/** The name of the `index`th host, 0 to 65,279. */
export const benchName = (index: number): string => `host${index}.${BENCH_DOMAIN}`;

/** Its address: 10.88.1.0 and on. */
export const benchAddress = (index: number): string => `10.88.${1 + (index >> 8)}.${index & 255}`;
