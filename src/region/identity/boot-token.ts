// The secret of one boot: a machine at work is given it on its kernel line, and by it the region knows the machine's posts.
//
//   state in progress begins ─ drawn ─► region.db ─► rack ─► kernel line ─► machine ─► X-Rackboot-Token ─► compared here
//   a person or the deadline ends the state ─► forgotten
//
// 1. It is random (192 bits), never derived, and compared in constant time.
// 2. It is good only together with the machine's present address: by the word of its rack, or by its lease.
// 3. It is in no log, event, URL, page or answer of the API. What an installer has in a URL is made from it one way
//    (`boot/preseed-secret.ts`).

import { preseedSecret } from '../../boot/preseed-secret.ts';
import type { Clock } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { type MachineStatus, STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { heldMacs } from './interface-source.ts';

const TOKEN_BYTES = 24;
/** Machines that were at work without a token before records had tokens, and are given one at the start. */
const MISSING_MAX = 500;

/** By what a caller shows that it is the machine that a rack booted. */
export interface BootProof {
  /** As the machine gave it; undefined: none. */
  readonly token?: string | undefined;
  /** The boot interface for which a rack vouches; undefined: none does. */
  readonly vouchedMac?: MacAddress | undefined;
  /** Where the caller is; undefined: not known. */
  readonly address?: Ipv4 | undefined;
}

/** Draws a token. */
export const drawBootToken = (clock: Clock): string =>
  Buffer.from(clock.randomBytes(TOKEN_BYTES)).toString('base64url');

/** True for a state in which a machine works from the network and reports. */
function hasToken(status: MachineStatus): boolean {
  const row = statusRow(status);
  if (row.failed === undefined && status !== 'rescue-mode') return false;
  const purpose = bootPurpose({ status, netboot: true });
  return purpose === 'commissioning' || purpose === 'install';
}

/** The states in which a machine has a token. */
export const TOKEN_STATUSES: readonly MachineStatus[] = STATUSES.map((row) => row.status).filter(hasToken);

/** Gives a token to machines that were at work when the records had none yet. */
export function drawMissingTokens(store: RegionStore, clock: Clock, onChange: (machine: Machine) => void): void {
  const atMs = clock.wallTimeMs();
  for (const { systemId, status, bootToken } of store.listMachines({ statuses: TOKEN_STATUSES }, 0, MISSING_MAX)) {
    if (bootToken !== undefined) continue;
    const outcome = store.changeMachine<never>(systemId, atMs, (machine) => ({
      kind: 'change',
      fields: { bootToken: tokenFor(machine, status, true, clock) },
      events: [],
    }));
    if (outcome.kind === 'changed') onChange(outcome.machine);
  }
}

/**
 * The token of a machine that enters a state; undefined: it has none there. One that goes on by itself from one state in progress to
 * the next keeps its own, for it is still the same boot.
 */
export function tokenFor(
  machine: Pick<Machine, 'status' | 'bootToken'>,
  to: MachineStatus,
  byItself: boolean,
  clock: Clock,
): string | undefined {
  // What leaves its rescue learns by its token that it does.
  if (to === 'exiting-rescue-mode') return machine.bootToken;
  if (!hasToken(to)) return undefined;
  if (byItself && machine.bootToken !== undefined && hasToken(machine.status)) return machine.bootToken;
  return drawBootToken(clock);
}

/** True when the caller holds the machine's token and is where the machine is. */
export function provesBoot(proof: BootProof, machine: Machine): boolean {
  const { token } = proof;
  if (token === undefined || machine.bootToken === undefined || !equalSecrets(token, machine.bootToken)) return false;
  return isWhereItIs(proof, machine);
}

/** True when the caller holds the secret that was in the address of the machine's preseed, and is where the machine is. */
export function provesPreseed(secret: string, proof: BootProof, machine: Machine): boolean {
  if (machine.bootToken === undefined || !equalSecrets(secret, preseedSecret(machine.bootToken))) return false;
  return isWhereItIs(proof, machine);
}

/** True when the caller is where the machine is: by the word of its rack, or by its lease. */
export function isWhereItIs({ vouchedMac, address }: BootProof, machine: Machine): boolean {
  const held = heldMacs(machine);
  const own = machine.interfaces.filter((nic) => held.includes(nic.mac));
  return own.some((nic) => nic.mac === vouchedMac || (address !== undefined && nic.address === address));
}
