// The instruments of a process: metrics, health and readiness on a listener of their own, the delay
// of the event loop, and the counters of the region's API. The changes of the listener are events.

import type { RackConfig } from '../../config/rack-config.ts';
import type { Clock } from '../../ground/clock.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import { InstrumentServer, type Readiness } from '../../observe/instrument-server.ts';
import { LoopLag } from '../../observe/loop-lag.ts';
import { RegionCounters, regionCounterMemory } from '../../region/http/counters.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';

/** The measurements of every process. */
export interface ProcessMeasures {
  readonly lags: () => ReturnType<LoopLag['read']>;
  readonly region: RegionCounters;
}

interface InstrumentOptions {
  readonly clock: Clock;
  readonly stream: EventStream;
  readonly metrics: (measured: ProcessMeasures) => Promise<string>;
  readonly readiness: () => Readiness | Promise<Readiness>;
}

/** The instruments; they measure from construction on. */
export class ProcessInstruments {
  /** The shared memory in which the region's API counts. */
  readonly memory = regionCounterMemory();
  readonly #lag: LoopLag;
  readonly #server: InstrumentServer;

  constructor({ clock, stream, metrics, readiness }: InstrumentOptions) {
    const lag = new LoopLag(clock);
    this.#lag = lag;
    const region = new RegionCounters(this.memory);
    const report = (event: DaemonEvent): void => stream.publish(event);
    this.#server = new InstrumentServer({
      clock,
      metrics: () => metrics({ region, lags: () => lag.read() }),
      readiness,
      onListening: ({ address, port }) => report({ kind: 'metrics.listening', at: clock.now(), address, port }),
      onFailed: ({ address, port }, reason, retryMs) =>
        report({ kind: 'metrics.failed', at: clock.now(), address, port, reason, retryMs }),
    });
  }

  /** Listens on the configured addresses. Never rejects. */
  configure({ metrics }: Pick<RackConfig, 'metrics'>): Promise<void> {
    return this.#server.configure(metrics.listen);
  }

  get problems(): readonly string[] {
    return this.#server.problems;
  }

  close(): void {
    this.#lag.close();
    this.#server.close();
  }
}
