// A responder's ports and results.

import type { Clock } from '../ground/clock.ts';
import type { Publish } from '../ground/event.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { OutgoingDatagram } from '../net/datagrams/datagram.ts';
import type { AddressClaim } from './answers/decision.ts';
import type { IdentifyClient, PlanBoot } from './answers/inquiry.ts';
import type { FindConflict } from './conflicts/conflict-check.ts';
import type { Lease } from './leases/lease.ts';
import type { LeaseJournal } from './leases/lease-journal.ts';
import type { LeaseChange, LeaseTable } from './leases/lease-table.ts';
import type { ForeignServerListener } from './networks/server-role.ts';
import type { Arrival } from './networks/subnet.ts';

/** A reply on its way out. */
export interface Reply {
  readonly datagram: OutgoingDatagram;
  /** By the socket of its request. */
  readonly arrival: Arrival;
  /** Of the client's network; undefined: behind a relay. */
  readonly interfaceName: string | undefined;
}

/** A durable change of a lease, or its end. */
export type LeaseNotice =
  | ({ readonly kind: 'changed' } & LeaseChange)
  | { readonly kind: 'expired'; readonly lease: Lease };

export interface ResponderDeps {
  readonly clock: Clock;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly publish: Publish;
  readonly planBoot: PlanBoot;
  readonly identifyClient: IdentifyClient;
  readonly machines: () => MachineDirectory;
  /** Called synchronously for each durable change, oldest first. */
  readonly onLeaseChange?: ((notice: LeaseNotice) => void) | undefined;
  /** In proxy mode: called for each address taken from another server. */
  readonly onAddressSeen?: ((claim: AddressClaim) => void) | undefined;
  /** Undefined: no probes. */
  readonly findConflict?: FindConflict | undefined;
  /** Undefined: always, but nothing is probed ahead of need. */
  readonly canProbe?: ((interfaceName: string) => boolean) | undefined;
  /** Undefined: nothing watches for other servers. */
  readonly foreign?: ForeignServerListener | undefined;
  /** Sends replies in order; never throws. @returns those without a socket */
  readonly transmit: (replies: readonly Reply[]) => ReadonlySet<Reply>;
}
