// The ports a responder works with, and its results. Types only.

import type { Clock } from '../clock.ts';
import type { Publish } from '../event.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { OutgoingDatagram } from '../net/datagrams/datagram.ts';
import type { AddressClaim } from './answers/decision.ts';
import type { IdentifyClient, PlanBoot } from './answers/inquiry.ts';
import type { FindConflict } from './conflicts/conflict-check.ts';
import type { Lease } from './leases/lease.ts';
import type { LeaseJournal } from './leases/lease-journal.ts';
import type { LeaseChange, LeaseTable } from './leases/lease-table.ts';
import type { ForeignEar } from './networks/server-role.ts';
import type { Arrival } from './networks/subnet.ts';

/** A reply on its way out. */
export interface Reply {
  readonly datagram: OutgoingDatagram;
  /** The socket by which its request came. */
  readonly arrival: Arrival;
  /** The interface of the client's network; undefined: behind a relay. */
  readonly interfaceName: string | undefined;
}

/** A durable change of a lease, or its end. */
export type LeaseNotice =
  | ({ readonly kind: 'changed' } & LeaseChange)
  | { readonly kind: 'expired'; readonly lease: Lease };

/** The parts of a responder. */
export interface ResponderPorts {
  readonly clock: Clock;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly publish: Publish;
  readonly planBoot: PlanBoot;
  readonly identifyClient: IdentifyClient;
  /** The machines known now. */
  readonly machines: () => MachineDirectory;
  /** Called synchronously for each durable change, oldest first. */
  readonly onLeaseChange?: ((notice: LeaseNotice) => void) | undefined;
  /** In proxy mode: called for each address that a client takes from another server. */
  readonly onAddressSeen?: ((claim: AddressClaim) => void) | undefined;
  /** Undefined: addresses are offered without a probe. */
  readonly findConflict?: FindConflict | undefined;
  /** Whether the wire behind an interface can be probed now; undefined: always, but nothing is probed ahead of need. */
  readonly canProbe?: ((interfaceName: string) => boolean) | undefined;
  /** Knows of other servers; undefined: nothing watches for them. */
  readonly foreign?: ForeignEar | undefined;
  /** Sends replies in order; never throws. @returns those without a socket */
  readonly transmit: (replies: readonly Reply[]) => ReadonlySet<Reply>;
}
