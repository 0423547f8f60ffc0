// The listeners of a configuration that this host cannot open at present. Such a listener is not a
// problem of the file.

import type { ConfigWithPorts } from '../../config/wanted-ports.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import type { Finding } from '../../doctor/finding.ts';
import { readPorts } from '../../doctor/host-facts.ts';
import { judgePorts } from '../../doctor/host-judgement.ts';
import { RackError } from '../../ground/errors.ts';
import { statusShape } from './shapes.ts';

const runningShape = statusShape.pick({ pid: true });

/**
 * The daemon of this state directory may already hold its ports; none is judged if this user may
 * not ask it.
 */
export async function closedListeners(stateDir: string, config: ConfigWithPorts): Promise<readonly Finding[]> {
  let running: { readonly pid: number } | undefined;
  try {
    running = runningShape.parse(await askDaemon(stateDir, '/status'));
  } catch (error) {
    if (error instanceof RackError && error.code === 'permission-denied') return [];
  }
  return judgePorts(readPorts(config, running));
}

/** The closed listeners for people, each with what to do. */
export const closedLines = (findings: readonly Finding[]): readonly string[] =>
  findings.flatMap(({ isNote, text, fix }) => [
    `${isNote === true ? 'Note  ' : 'Beware'}  ${text}`,
    ...(fix?.split('\n').map((line) => `        ${line}`) ?? []),
  ]);
