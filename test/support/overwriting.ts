// Whether a process overwrites the memory that it has borrowed (net/borrowed-bytes.ts): what it was started with says it.

import { readFileSync } from 'node:fs';
import { OVERWRITE_SWITCH } from '../../src/net/borrowed-bytes.ts';

/** What a process is started with whose environment is not that of the test: the switch, as the test has it. */
export function overwriting(): NodeJS.ProcessEnv {
  return { [OVERWRITE_SWITCH]: process.env[OVERWRITE_SWITCH] };
}

/** The environment of this process without the switch, as a service has it. */
export function withoutOverwriting(): NodeJS.ProcessEnv {
  const { [OVERWRITE_SWITCH]: _switch, ...env } = process.env;
  return env;
}

/** True for a running process that was started with the switch. */
export const overwrites = (pid: number): boolean => hasSwitch(readFileSync(`/proc/${pid}/environ`, 'latin1'));

/** The same of what `/proc/PID/environ` says. */
export const hasSwitch = (environ: string): boolean =>
  environ.split('\0').some((entry) => entry.startsWith(`${OVERWRITE_SWITCH}=`));
