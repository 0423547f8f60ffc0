// The instruments of a running rack: metrics, health and readiness, on their own listener.

import type { Clock } from '../../clock.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import type { Readiness } from '../../observe/instrument-server.ts';
import type { LeaseJournalStatus } from '../../store/leases/lease-journal.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import type { Rack } from '../rack/rack.ts';
import { judgeReadiness } from '../rack/readiness.ts';
import { renderMetrics } from './metrics.ts';
import { ProcessInstruments } from './process-instruments.ts';

interface InstrumentParts {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly config: () => RackConfig;
  readonly host: () => readonly HostInterface[];
  readonly rack: () => Rack | undefined;
  readonly journal: () => LeaseJournalStatus | undefined;
  readonly uplink: () => UplinkStatus | undefined;
  readonly withheld: () => number;
}

/** The instruments of a rack's process. */
export const rackInstruments = (parts: InstrumentParts): ProcessInstruments =>
  new ProcessInstruments({
    clock: parts.clock,
    stream: parts.stream,
    metrics: (measured) =>
      renderMetrics({
        ...measured,
        clock: parts.clock,
        version: parts.version,
        startedWallMs: parts.startedWallMs,
        rack: parts.rack,
        uplink: parts.uplink,
        subnets: () => parts.config().dhcp.subnets,
        journal: parts.journal,
        events: () => parts.stream.counters(),
        withheld: parts.withheld,
      }),
    readiness: () => readinessOf(parts),
  });

function readinessOf({ config, host, rack, journal, uplink }: InstrumentParts): Readiness {
  const running = rack();
  const status = journal();
  return judgeReadiness({
    config: config(),
    host: host(),
    region: uplink(),
    doors: running && {
      dhcpProblems: running.dhcp.problems().map(({ name, error }) => ({ name, code: error.code, text: error.message })),
      tftp: running.tftp.listening,
      http: running.http.listening,
      dns: running.dns.listeners,
      treeProblem: running.tree.problem?.reason,
    },
    journalProblem:
      status === undefined
        ? 'still loading'
        : status.available
          ? undefined
          : (status.reason ?? 'too many wait for the disk'),
  });
}
