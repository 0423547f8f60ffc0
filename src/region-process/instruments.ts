// The instruments of a region that runs apart from a rack: metrics, health and readiness, on their own listener.

import type { Clock } from '../clock.ts';
import type { RegionFileConfig } from '../config/region-file.ts';
import { addProcess } from '../daemon/observing/process-metrics.ts';
import { addEvents, addRegion } from '../daemon/observing/shared-metrics.ts';
import type { DaemonEvent } from '../daemon/rack/events.ts';
import type { EventStream } from '../observe/event-stream.ts';
import { Exposition } from '../observe/exposition.ts';
import { InstrumentServer, type Readiness } from '../observe/instrument-server.ts';
import { LoopLag } from '../observe/loop-lag.ts';
import { RegionCounters, regionCounterMemory } from '../region/http/counters.ts';
import type { DutyHolder } from '../region/records/duty-store.ts';

interface RegionInstrumentParts {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly readiness: () => Promise<Readiness>;
  /** Which process has the duties; undefined while unknown, or if this one alone has the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
}

/** The instruments; they measure from construction on. */
export class RegionInstruments {
  /** Where the API counts. */
  readonly memory = regionCounterMemory();
  readonly #counters = new RegionCounters(this.memory);
  readonly #parts: RegionInstrumentParts;
  readonly #lag: LoopLag;
  readonly #server: InstrumentServer;

  constructor(parts: RegionInstrumentParts) {
    this.#parts = parts;
    const { clock, stream, readiness } = parts;
    this.#lag = new LoopLag(clock);
    const report = (event: DaemonEvent): void => stream.publish(event);
    this.#server = new InstrumentServer({
      clock,
      metrics: async () => this.#render(),
      readiness,
      onListening: ({ address, port }) => report({ kind: 'metrics.listening', at: clock.now(), address, port }),
      onFailed: ({ address, port }, reason, retryMs) =>
        report({ kind: 'metrics.failed', at: clock.now(), address, port, reason, retryMs }),
    });
  }

  /** Listens on the configured addresses. Never rejects. */
  configure({ metrics }: RegionFileConfig): Promise<void> {
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

  #render(): string {
    const out = new Exposition();
    addProcess(out, { ...this.#parts, lags: () => this.#lag.read() });
    addEvents(out, this.#parts.stream.counters(), 0);
    addRegion(out, this.#counters);
    const holder = this.#parts.dutyHolder();
    if (holder !== undefined) {
      const help = 'Whether this process has the duties of the region: of all its processes, one has 1.';
      out.gauge('rackboot_region_duties', help, holder.isHere ? 1 : 0);
    }
    return out.text();
  }
}
