// The answers of a running rack about itself: to the command line, on its control socket, and to
// readers of its metrics. The file is loaded when the rack's sockets are open, so that no machine
// waits for it.

import type { ControlAnswers } from '../control/requests.ts';
import { RackError } from '../ground/errors.ts';
import type { LogLevels } from '../observe/log-levels.ts';
import type { HostState } from '../region/records/rack-measures.ts';
import type { OutboxRefusal } from '../uplink/messages.ts';
import type { OutboxCommand } from '../uplink/outbox-store.ts';
import type { RackUplink } from '../uplink/rack-uplink.ts';
import { Backups } from './answers/backups.ts';
import { makeLogLevelAnswers } from './answers/log-level.ts';
import { makeControlAnswers, readHostState } from './answers/status.ts';
import { makeTraceAnswers } from './answers/trace.ts';
import { makeWhyAnswers } from './answers/why.ts';
import { renderMetrics } from './observing/metrics.ts';
import { ProcessInstruments } from './observing/process-instruments.ts';
import type { Configuration } from './rack/configuration.ts';
import { assessReadiness, type RackView } from './rack/rack-view.ts';
import type { RegionSide } from './rack/region-side.ts';
import type { ThreadWatch } from './rack/threads.ts';

// The control socket's access to the outbox of a rack with a remote region, for `rackboot outbox`.
//
// 1. Neither the body nor the boot token of a machine's post is shown: both may hold secrets.

/**
 * `GET /outbox` lists; `POST /outbox?retry=ID` and `?drop=ID` handle one dead letter and list the
 * remaining ones.
 */
function makeOutboxAnswers(uplink: () => RackUplink | undefined): ControlAnswers {
  return {
    '/outbox': () => handleOutbox(uplink(), { action: 'list' }),
    'POST /outbox': ({ query }) => handleOutbox(uplink(), parseOutboxCommand(query)),
  };
}

function parseOutboxCommand(query: URLSearchParams): OutboxCommand {
  for (const action of ['retry', 'drop'] as const) {
    const text = query.get(action);
    if (text === null) continue;
    if (!/^\d{1,15}$/.test(text)) throw new RackError('bad-argument', `${text} is not the number of a dead letter`);
    return { action, deadLetter: Number(text) };
  }
  throw new RackError('bad-argument', 'use retry=ID or drop=ID');
}

async function handleOutbox(uplink: RackUplink | undefined, command: OutboxCommand): Promise<unknown> {
  if (uplink?.status().mode !== 'remote')
    throw new RackError('not-found', "this rack's region is embedded: there is no outbox");
  const answer = await uplink.handleOutbox(command);
  if (answer === undefined)
    throw new RackError('store-unavailable', 'the outbox did not answer: see rackboot status, and try again');
  if (answer.refusal !== undefined) throw outboxRefusalError(answer.refusal);
  return answer;
}

const outboxRefusalError = (refusal: OutboxRefusal): RackError =>
  refusal.kind === 'failed'
    ? new RackError('not-found', refusal.said)
    : new RackError('not-found', `there is no dead letter ${refusal.deadLetter}; rackboot outbox --dead shows all`);

/** Opens the socket of the image engine, for commands. */
async function openImages(uplink: RackUplink | undefined): Promise<unknown> {
  const answer = await uplink?.openImages();
  if (answer !== undefined && 'socket' in answer) return answer;
  const problem = answer?.problem ?? 'its thread does not answer';
  throw new RackError(
    'not-found',
    `the images cannot be changed at the moment: ${problem}; see rackboot status, and try again`,
  );
}

// The control socket's answer about the configuration in force, for `rackboot config` and
// `rackboot check --diff`.

function makeConfigurationAnswers(
  configuration: Configuration,
  uuid: () => string,
): Readonly<Record<string, () => unknown>> {
  return {
    '/config': () => {
      const { file, stored } = configuration.usable;
      const { path, refusal } = configuration;
      return { uuid: uuid(), file: path, values: file.values, stored, refused: refusal?.problems ?? null };
    },
  };
}

/** The control socket's answers, and the instruments. */
export interface RackAnswers {
  readonly control: ControlAnswers;
  readonly instruments: ProcessInstruments;
  readonly hostState: () => HostState;
}

/** Makes the answers of a rack. */
export function makeRackAnswers(
  view: RackView,
  region: RegionSide,
  levels: LogLevels,
  threads: ThreadWatch,
): RackAnswers {
  const { clock, stream, configuration } = view;
  const instruments = new ProcessInstruments({
    clock,
    stream,
    metrics: (measured) => renderMetrics(view, measured),
    readiness: () => assessReadiness(view),
  });
  const backups = new Backups();
  const sources = {
    ...view,
    notes: () => [...view.notes(), ...backups.notes],
    metricsProblems: () => instruments.problems,
    unserved: () => (region.status()?.state === 'up' ? configuration.unserved : undefined),
  };
  const control = {
    ...makeControlAnswers(sources),
    ...makeTraceAnswers(view),
    ...makeWhyAnswers(view),
    ...makeLogLevelAnswers(levels),
    ...makeConfigurationAnswers(configuration, () => region.uuid),
    ...makeOutboxAnswers(() => region.uplink),
    ...backups.answers(view),
    'POST /images': () => openImages(region.uplink),
  };
  return { control, instruments, hostState: () => readHostState(sources, threads) };
}
