// The key of a machine's own: by it cloud-init, curtin and installers of one commissioning or deployment are known to the region, when
// the token of the boot is gone.
//
//   machine at work asks, with the token of its boot ─► drawn, kept in region.db ─► written into its preseed or its system
//   its requests ─ OAuth PLAINTEXT `consumer:token:secret` ─► compared here ─► that machine, and no other
//   commissioned, begun anew, released, deleted ─► gone: the next request is refused
//
// Source: the three-part keys of MAAS; RFC 5849 §3.4.4.
//
// 1. The secret is kept as it is, for the machine is given it again when it asks again; region.db is readable by its owner alone.
// 2. It is given only in an answer to the token of the machine's boot from its present address, or to the key itself.
// 3. It opens the metadata of its own machine, and nothing else (`api/operations.ts` refuses a machine every operation).
// 4. Secrets are compared in constant time; none is in a log, event or URL.

import type { Clock } from '../../clock.ts';
import { equalSecrets, keyPart } from '../accounts/accounts.ts';
import type { MachineKey } from '../records/life-store.ts';
import type { RegionStore } from '../records/store.ts';

/** Characters of the parts: as many bits as a boot's token has in the last one. */
const CONSUMER_CHARACTERS = 18;
const TOKEN_CHARACTERS = 18;
const SECRET_CHARACTERS = 34;

/** The machine's key: the one that it has, or one that is drawn now. Undefined: there is no such machine. */
export function keyOfMachine(store: RegionStore, clock: Clock, systemId: string): MachineKey | undefined {
  const known = store.life.machineKey(systemId);
  if (known !== undefined) return known;
  return store.life.keepMachineKey({
    systemId,
    consumerKey: keyPart(clock, CONSUMER_CHARACTERS),
    tokenKey: keyPart(clock, TOKEN_CHARACTERS),
    tokenSecret: keyPart(clock, SECRET_CHARACTERS),
    createdMs: clock.wallTimeMs(),
  });
}

/** The machine whose key these are; undefined: nobody's, or one that has ended. */
export function machineOfKey(
  store: RegionStore,
  credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
): string | undefined {
  const key = store.life.findMachineKey(credentials.tokenKey);
  // Compared also when there is no such key, so that the time does not tell.
  const isSecret = equalSecrets(credentials.secret, key?.tokenSecret ?? '');
  const isConsumer = equalSecrets(credentials.consumerKey, key?.consumerKey ?? '');
  return key !== undefined && isSecret && isConsumer ? key.systemId : undefined;
}
