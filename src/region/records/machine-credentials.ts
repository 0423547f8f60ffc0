// The key of a machine, by which what it runs is known to the region (`accounts.ts`).

/** The key of one machine, as three words without spaces. */
export interface MachineCredentials {
  readonly consumerKey: string;
  readonly tokenKey: string;
  readonly tokenSecret: string;
}
