// The listeners of a configuration that this host cannot open at present. Such a listener is not a problem of the file.

import { askDaemon } from '../../control/ask-daemon.ts';
import { readListeners } from '../../doctor/host-facts.ts';
import { judgeListeners } from '../../doctor/host-judgement.ts';
import { RackError } from '../../errors.ts';
import { statusShape } from './shapes.ts';

const runningShape = statusShape.pick({ pid: true });

/**
 * A line for each listener of the region and of the metrics that cannot be opened. The daemon of this state directory may already hold its
 * ports; none is judged if this user may not ask it.
 */
export async function closedLines(
  stateDir: string,
  config: Parameters<typeof readListeners>[0],
): Promise<readonly string[]> {
  let running: { readonly pid: number } | undefined;
  try {
    running = runningShape.parse(await askDaemon(stateDir, '/status'));
  } catch (error) {
    if (error instanceof RackError && error.code === 'permission-denied') return [];
  }
  return judgeListeners(readListeners(config, running)).map(({ text }) => text);
}
