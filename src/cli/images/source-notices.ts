// Tells the person of sources that have not answered.

import { listed } from '../../counted.ts';
import { NAMED_MAX } from '../../images/sources/offer.ts';
import type { SourceNotices } from '../../images/sources/source-questions.ts';
import { printError } from '../terminal/output.ts';

const verb = (sources: readonly string[]): string => (sources.length === 1 ? 'has' : 'have');

export const SOURCE_NOTICES: SourceNotices = {
  onWait: (sources) => printError(`Waiting for ${listed(sources, NAMED_MAX)}, which ${verb(sources)} not answered yet`),
  onGiveUp: (sources) =>
    printError(
      `Continuing without ${listed(sources, NAMED_MAX)}, which ${verb(sources)} not answered within a minute; --source NAME waits for one`,
    ),
};
