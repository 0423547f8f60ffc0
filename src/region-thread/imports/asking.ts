// Asks a source of a run what it offers.

import type { Clock } from '../../clock.ts';
import type { Downloads } from '../../images/download/queue.ts';
import { readHostMirrors } from '../../images/sources/host-mirrors.ts';
import type { SourceAnswer } from '../../images/sources/offer.ts';
import { askSources } from '../../images/sources/offers.ts';
import type { OwnErrors } from './import-failure.ts';
import type { RunOrder } from './message.ts';
import { type SelectedSource, wishOf } from './plan.ts';

interface AskMeans {
  readonly downloads: Downloads;
  readonly clock: Clock;
  readonly bugs: OwnErrors;
}

/** Asks a source. An error of our own becomes a problem of its answer. */
export async function askSelected(
  selected: SelectedSource,
  signal: AbortSignal,
  { tree, configured }: RunOrder,
  { downloads, clock, bugs }: AskMeans,
): Promise<SourceAnswer> {
  const { source } = selected;
  const mirrors = source.kind === 'installer' ? readHostMirrors() : [];
  const means = { downloads, clock, mirrors, configured, tree, signal };
  const none: SourceAnswer = { source: source.name, offers: [], installers: [], loaders: [], problems: [] };
  try {
    const [answer = none] = await askSources([source], wishOf(selected), means);
    return answer;
  } catch (error) {
    return { ...none, problems: [bugs.take(error, source.name)], isUnread: true };
  }
}
