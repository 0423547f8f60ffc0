// How a rack describes itself at registration and with each heartbeat; an embedded rack does, too.

import type { Heartbeat } from './heartbeat.ts';

export type RackInterface = Heartbeat['interfaces'][number];

/**
 * Stands for the unknown hardware address of a client; no host has it. So every region keeps the
 * client's address from its machines.
 */
export const NO_MAC = '00:00:00:00:00:00';

export type HostAddress = NonNullable<Heartbeat['addresses']>[number];

export interface RackDescription
  extends Pick<Heartbeat, 'version' | 'interfaces' | 'pinned' | 'settingsRefused' | 'addresses'> {
  /** Permanent. */
  readonly uuid: string;
  readonly name: string;
}
