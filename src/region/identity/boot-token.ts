// The secret of one boot. A machine at work gets it on its kernel line and authenticates its
// requests to the region with it.
//
//   state in progress begins ─ generated ─► region.db ─► rack ─► kernel line ─► machine ─► X-Rackboot-Token ─► compared here
//   a person or the deadline ends the state ─► removed
//
// 1. It is random (192 bits), never derived, and compared in constant time.
// 2. It is valid only from the machine's current address: the machine's rack vouches for that
//    address, or the machine's lease shows it.
// 3. It is in no log, event, URL, page or API response. An installer's URL has a one-way derivation
//    of it (`boot/preseed-secret.ts`).

import { preseedSecret } from '../../boot/preseed-secret.ts';
import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import { heldMacs } from './interface-source.ts';

const TOKEN_BYTES = 24;

/** A caller's proof that it is the machine that a rack booted. */
export interface BootProof {
  readonly token?: string | undefined;
  readonly vouchedMac?: MacAddress | undefined;
  readonly address?: Ipv4 | undefined;
}

export const drawBootToken = (clock: Clock): string =>
  Buffer.from(clock.randomBytes(TOKEN_BYTES)).toString('base64url');

function hasToken(status: MachineStatus) {
  const row = statusRow(status);
  if (row.failed === undefined && status !== 'rescue-mode') return false;
  const purpose = bootPurpose({ status, netboot: true });
  return purpose === 'commissioning' || purpose === 'install';
}

/**
 * The token of a machine that enters a state; `undefined` if the state has none. A machine that
 * moves from one state in progress to the next without a person's command keeps its token, because
 * it has not rebooted.
 * @param isAutomatic false if a person's command caused the change
 */
export function tokenFor(
  machine: Pick<Machine, 'status' | 'bootToken'>,
  to: MachineStatus,
  isAutomatic: boolean,
  clock: Clock,
): string | undefined {
  // A machine uses its token to learn that its rescue has ended.
  if (to === 'exiting-rescue-mode') return machine.bootToken;
  if (!hasToken(to)) return undefined;
  if (isAutomatic && machine.bootToken !== undefined && hasToken(machine.status)) return machine.bootToken;
  return drawBootToken(clock);
}

/** True if the caller has the machine's token and is at its current address. */
export function provesBoot(proof: BootProof, machine: Machine): boolean {
  const { token } = proof;
  if (token === undefined || machine.bootToken === undefined || !equalSecrets(token, machine.bootToken)) return false;
  return isAtItsAddress(proof, machine);
}

/** True if the caller has the secret from the machine's preseed URL and is at its current address. */
export function provesPreseed(secret: string, proof: BootProof, machine: Machine): boolean {
  if (machine.bootToken === undefined || !equalSecrets(secret, preseedSecret(machine.bootToken))) return false;
  return isAtItsAddress(proof, machine);
}

/**
 * True if the caller is at the machine's current address: the machine's rack vouches for it, or the
 * machine's lease shows it.
 */
export function isAtItsAddress({ vouchedMac, address }: BootProof, machine: Machine): boolean {
  const held = heldMacs(machine);
  const own = machine.interfaces.filter((nic) => held.includes(nic.mac));
  return own.some((nic) => nic.mac === vouchedMac || (address !== undefined && nic.address === address));
}
