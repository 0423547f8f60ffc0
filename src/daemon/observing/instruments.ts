// The instruments of a running rack: metrics, health and readiness, on their own listener.

import type { Clock } from '../../clock.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { Publish } from '../../event.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import { InstrumentServer } from '../../observe/instrument-server.ts';
import { LoopLag } from '../../observe/loop-lag.ts';
import { RegionCounters, regionCounterMemory } from '../../region/http/counters.ts';
import type { LeaseJournalStatus } from '../../store/leases/lease-journal.ts';
import type { UplinkStatus } from '../../uplink/rack-uplink.ts';
import type { DaemonEvent } from '../rack/events.ts';
import type { Rack } from '../rack/rack.ts';
import { judgeReadiness } from '../rack/readiness.ts';
import { renderMetrics } from './metrics.ts';

/** The observed parts; undefined until they are open. */
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
  /** How many events of hosts were withheld. */
  readonly withheld: () => number;
}

/** The instruments; they measure from construction on. */
export class Instruments {
  /** The shared memory in which the region's thread counts. */
  readonly regionMemory = regionCounterMemory();
  readonly #parts: InstrumentParts;
  readonly #lag: LoopLag;
  readonly #server: InstrumentServer;

  constructor(parts: InstrumentParts) {
    this.#parts = parts;
    const { clock } = parts;
    this.#lag = new LoopLag(clock);
    const region = new RegionCounters(this.regionMemory);
    const publish: Publish = parts.stream.publish;
    const report = (event: DaemonEvent): void => publish(event);
    this.#server = new InstrumentServer({
      clock,
      metrics: () =>
        renderMetrics({
          ...{ clock, version: parts.version, startedWallMs: parts.startedWallMs, region },
          rack: parts.rack,
          uplink: parts.uplink,
          lags: () => this.#lag.read(),
          subnets: () => parts.config().dhcp.subnets,
          journal: parts.journal,
          events: () => parts.stream.counters(),
          withheld: parts.withheld,
        }),
      readiness: () => this.#readiness(),
      onListening: ({ address, port }) => report({ kind: 'metrics.listening', at: clock.now(), address, port }),
      onFailed: ({ address, port }, reason, retryMs) =>
        report({ kind: 'metrics.failed', at: clock.now(), address, port, reason, retryMs }),
    });
  }

  /** Listens on the configured addresses. Never rejects. */
  configure({ metrics }: RackConfig): Promise<void> {
    return this.#server.configure(metrics.listen);
  }

  /** Why configured addresses are not open, each with the remedy. */
  get problems(): readonly string[] {
    return this.#server.problems;
  }

  close(): void {
    this.#lag.close();
    this.#server.close();
  }

  #readiness() {
    const { config, host, rack, journal } = this.#parts;
    const running = rack();
    const status = journal();
    return judgeReadiness({
      config: config(),
      host: host(),
      doors: running && {
        dhcpProblems: running.dhcp
          .problems()
          .map(({ name, error }) => ({ name, code: error.code, text: error.message })),
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
}
