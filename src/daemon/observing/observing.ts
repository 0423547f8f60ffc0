// The readers of the event stream besides the log and the region: the timeline and, through it, the command line.

import type { Clock } from '../../clock.ts';
import type { ControlAnswers } from '../../http/control/requests.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import type { LogLevels } from '../../observe/log-levels.ts';
import { Timeline } from '../../observe/timeline.ts';
import { logLevelAnswers } from '../answers/log-level.ts';
import { traceAnswers } from '../answers/trace.ts';
import { type WhySources, whyAnswers } from '../answers/why.ts';
import { EVENT_KINDS } from '../rack/event-kinds.ts';
import type { Rack } from '../rack/rack.ts';

interface ObservingParts {
  readonly clock: Clock;
  readonly stream: EventStream;
  readonly levels: LogLevels;
  readonly rack: () => Rack | undefined;
  readonly journal: WhySources['journal'];
  readonly interfaces: WhySources['interfaces'];
}

/** The timeline, and the control socket's handlers that use it. */
export interface Observing {
  readonly timeline: Timeline;
  readonly answers: ControlAnswers;
}

/** Starts observing a stream. */
export function observe({ clock, stream, levels, ...parts }: ObservingParts): Observing {
  const timeline = new Timeline(stream.publish);
  timeline.read(stream);
  const sources = { ...parts, clock, timeline, kinds: EVENT_KINDS };
  return { timeline, answers: { ...traceAnswers(sources), ...whyAnswers(sources), ...logLevelAnswers(levels) } };
}
