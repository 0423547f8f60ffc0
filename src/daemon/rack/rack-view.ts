// What a running rack shows of itself: on its control socket and to readers of its metrics; and
// whether it is ready.

import type { Clock } from '../../ground/clock.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import type { Readiness } from '../../observe/instrument-server.ts';
import type { Timeline } from '../../observe/timeline.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import type { LeaseJournalStatus } from '../../store/leases/lease-journal.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import type { Configuration } from './configuration.ts';
import type { InterfaceState } from './interface-states.ts';
import type { Rack } from './rack.ts';
import { judgeReadiness } from './readiness.ts';

/** The parts of a rack; an `undefined` part is not open yet. */
export interface RackView {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly timeline: Timeline;
  readonly configuration: Configuration;
  readonly host: () => readonly HostInterface[];
  readonly rack: () => Rack | undefined;
  readonly journal: () => LeaseJournalStatus | undefined;
  readonly uplink: () => UplinkStatus | undefined;
  readonly interfaces: () => readonly InterfaceState[];
  readonly notes: () => readonly RackNote[];
  /** How many events of hosts were withheld (`host-events.ts`). */
  readonly withheld: () => number;
}

/** Judges a running rack. */
export function assessReadiness({ configuration, host, rack, journal, uplink }: RackView): Readiness {
  const runningRack = rack();
  const status = journal();
  return judgeReadiness({
    config: configuration.config,
    host: host(),
    region: uplink(),
    rack: runningRack && {
      dhcpProblems: runningRack.dhcp
        .problems()
        .map(({ name, error }) => ({ name, code: error.code, text: error.message })),
      tftp: runningRack.tftp.listening,
      http: runningRack.http.listening,
      dns: runningRack.dns.listeners,
      treeProblem: runningRack.tree.problem?.reason,
    },
    journalProblem:
      status === undefined
        ? 'still loading'
        : status.available
          ? undefined
          : (status.reason ?? 'too many wait for the disk'),
  });
}
