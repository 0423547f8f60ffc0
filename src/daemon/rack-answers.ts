// The answers of a running rack about itself: to the command line, on its control socket, and to readers of its metrics. The file is loaded when
// the rack's sockets are open, so that no machine waits for it.

import type { Clock } from '../clock.ts';
import type { ControlAnswers } from '../http/control/requests.ts';
import type { HostInterface } from '../net/host-interface.ts';
import type { EventStream } from '../observe/event-stream.ts';
import type { LogLevels } from '../observe/log-levels.ts';
import type { Timeline } from '../observe/timeline.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { WorkerLeaseJournal } from '../store/leases/lease-journal.ts';
import { configurationAnswers } from './answers/configuration-answer.ts';
import { logLevelAnswers } from './answers/log-level.ts';
import { outboxAnswers } from './answers/outbox-answers.ts';
import { controlAnswers } from './answers/status.ts';
import { traceAnswers } from './answers/trace.ts';
import { whyAnswers } from './answers/why.ts';
import { rackInstruments } from './observing/instruments.ts';
import type { ProcessInstruments } from './observing/process-instruments.ts';
import type { Configuration } from './rack/configuration.ts';
import { EVENT_KINDS } from './rack/event-kinds.ts';
import type { InterfaceState } from './rack/interface-states.ts';
import type { Rack } from './rack/rack.ts';
import type { RegionSide } from './rack/region-side.ts';

interface AnsweringParts {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly levels: LogLevels;
  readonly timeline: Timeline;
  readonly configuration: Configuration;
  readonly region: RegionSide;
  readonly host: () => readonly HostInterface[];
  readonly rack: () => Rack | undefined;
  readonly journal: () => WorkerLeaseJournal | undefined;
  readonly interfaces: () => readonly InterfaceState[];
  readonly notes: () => readonly RackNote[];
  /** How many events of hosts were withheld. */
  readonly withheld: () => number;
}

/** The control socket's answers, and the instruments. */
export interface RackAnswers {
  readonly control: ControlAnswers;
  readonly instruments: ProcessInstruments;
}

/** Makes the answers of a rack. */
export function rackAnswers(parts: AnsweringParts): RackAnswers {
  const { configuration, region } = parts;
  const sources = {
    ...parts,
    kinds: EVENT_KINDS,
    config: () => configuration.config,
    configuration: () => configuration,
    uplink: () => region.status(),
    journal: () => parts.journal()?.status(),
  };
  const instruments = rackInstruments(sources);
  const control = {
    ...controlAnswers({
      ...sources,
      metricsProblems: () => instruments.problems,
      unserved: () => (region.status()?.state === 'up' ? configuration.unserved : undefined),
    }),
    ...traceAnswers(sources),
    ...whyAnswers(sources),
    ...logLevelAnswers(parts.levels),
    ...configurationAnswers(configuration, () => region.uuid),
    ...outboxAnswers(() => region.uplink),
  };
  return { control, instruments };
}
