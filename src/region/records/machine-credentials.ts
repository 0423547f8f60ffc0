// A machine's API key, with which its software authenticates to the region (`accounts.ts`).

/** A machine's API key: three words without spaces. */
export interface MachineCredentials {
  readonly consumerKey: string;
  readonly tokenKey: string;
  readonly tokenSecret: string;
}
