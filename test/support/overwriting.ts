// Whether a process overwrites borrowed memory (ground/borrowed-bytes.ts): a switch in its environment decides.

import { readFileSync } from 'node:fs';
import { OVERWRITE_SWITCH } from '../../src/ground/borrowed-bytes.ts';

/** The switch with this process's setting, for a child process with a different environment. */
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

/** The same for the content of `/proc/PID/environ`. */
export const hasSwitch = (environ: string): boolean =>
  environ.split('\0').some((entry) => entry.startsWith(`${OVERWRITE_SWITCH}=`));
