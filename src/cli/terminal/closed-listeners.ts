// The listeners of a configuration that cannot be opened on this host now. That is not a problem of the file.

import { askDaemon } from '../../control/ask-daemon.ts';
import { readListeners } from '../../doctor/host-facts.ts';
import { judgeListeners } from '../../doctor/host-judgement.ts';
import { statusShape } from './shapes.ts';

const runningShape = statusShape.pick({ pid: true });

/** A line for each listener of the region and of the metrics. The ports of the running process of this state directory are its own. */
export async function closedLines(
  stateDir: string,
  config: Parameters<typeof readListeners>[0],
): Promise<readonly string[]> {
  return judgeListeners(readListeners(config, await askRunning(stateDir))).map(({ text }) => text);
}

/** Undefined: none answers. */
async function askRunning(stateDir: string): Promise<{ readonly pid: number } | undefined> {
  try {
    return runningShape.parse(await askDaemon(stateDir, '/status'));
  } catch {
    return undefined;
  }
}
