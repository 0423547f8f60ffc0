// The instruments of a region that runs apart from a rack: metrics, health and readiness, on their own listener.

import type { Clock } from '../clock.ts';
import { type Measured, ProcessInstruments } from '../daemon/observing/process-instruments.ts';
import { addProcess } from '../daemon/observing/process-metrics.ts';
import { addEvents, addRegion } from '../daemon/observing/shared-metrics.ts';
import type { EventStream } from '../observe/event-stream.ts';
import { Exposition } from '../observe/exposition.ts';
import type { Readiness } from '../observe/instrument-server.ts';
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

/** The instruments of a region's process. */
export const regionInstruments = (parts: RegionInstrumentParts): ProcessInstruments =>
  new ProcessInstruments({
    clock: parts.clock,
    stream: parts.stream,
    metrics: async (measured) => render(parts, measured),
    readiness: parts.readiness,
  });

function render(parts: RegionInstrumentParts, { lags, region }: Measured): string {
  const out = new Exposition();
  addProcess(out, { ...parts, lags });
  addEvents(out, parts.stream.counters(), 0);
  addRegion(out, region);
  const holder = parts.dutyHolder();
  if (holder !== undefined) {
    const help = '1 if this process has the duties of the region, otherwise 0: one of its processes has them.';
    out.gauge('rackboot_region_duties', help, holder.isHere ? 1 : 0);
  }
  return out.text();
}
