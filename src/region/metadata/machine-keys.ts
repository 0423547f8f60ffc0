// A machine's API key. With it, cloud-init, curtin and installers authenticate to the region during
// one commissioning or deployment, after the boot token is gone.
//
//   machine at work asks, with its boot token ─► generated, stored in region.db ─► written into its preseed or its system
//   its requests ─ OAuth PLAINTEXT `consumer:token:secret` ─► compared here ─► that machine only
//   commissioned, restarted, released, deleted ─► revoked: the next request is refused
//
// Source: the three-part keys of MAAS; RFC 5849 §3.4.4.
//
// 1. The secret is stored in clear, because a machine that asks again gets it again; region.db is
//    readable only by its owner.
// 2. It is sent only in reply to the machine's boot token from its current address, to the key
//    itself, or to an administrator (get_token).
// 3. It gives access to its own machine's metadata and object and nothing else (`api/operations.ts`
//    refuses a machine every other operation).
// 4. Secrets are compared in constant time; none is in a log, event or URL.

import type { Clock } from '../../ground/clock.ts';
import { equalSecrets, keyPart } from '../accounts/accounts.ts';
import type { MachineKey } from '../records/life-store.ts';
import type { RegionStore } from '../records/store.ts';

/** Characters of the parts; the secret has at least as many bits as a boot token. */
const CONSUMER_CHARACTERS = 18;
const TOKEN_CHARACTERS = 18;
const SECRET_CHARACTERS = 34;

export async function keyOfMachine(
  store: RegionStore,
  clock: Clock,
  systemId: string,
): Promise<MachineKey | undefined> {
  const machineKey = await store.life.machineKey(systemId);
  if (machineKey !== undefined) return machineKey;
  return await store.life.keepMachineKey({
    systemId,
    consumerKey: keyPart(clock, CONSUMER_CHARACTERS),
    tokenKey: keyPart(clock, TOKEN_CHARACTERS),
    tokenSecret: keyPart(clock, SECRET_CHARACTERS),
    createdMs: clock.wallTimeMs(),
  });
}

/** The id of the machine with these credentials; `undefined` if they are unknown or revoked. */
export async function machineOfKey(
  store: RegionStore,
  credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
): Promise<string | undefined> {
  const key = await store.life.findMachineKey(credentials.tokenKey);
  // An unknown key is compared too, so that the time reveals nothing.
  const isSecret = equalSecrets(credentials.secret, key?.tokenSecret ?? '');
  const isConsumer = equalSecrets(credentials.consumerKey, key?.consumerKey ?? '');
  return key !== undefined && isSecret && isConsumer ? key.systemId : undefined;
}
