// The listeners of a configuration that this host cannot open at present. Such a listener is not a problem of the file.

import { askDaemon } from '../../control/ask-daemon.ts';
import { readListeners } from '../../doctor/host-facts.ts';
import { judgeListeners } from '../../doctor/host-judgement.ts';
import { statusShape } from './shapes.ts';

const runningShape = statusShape.pick({ pid: true });

/**
 * A line for each listener of the region and of the metrics that cannot be opened. The daemon of this state directory may already hold its
 * ports.
 */
export async function closedLines(
  stateDir: string,
  config: Parameters<typeof readListeners>[0],
): Promise<readonly string[]> {
  return judgeListeners(readListeners(config, await askRunning(stateDir))).map(({ text }) => text);
}

/** Undefined: no daemon answers. */
async function askRunning(stateDir: string): Promise<{ readonly pid: number } | undefined> {
  try {
    return runningShape.parse(await askDaemon(stateDir, '/status'));
  } catch {
    return undefined;
  }
}
