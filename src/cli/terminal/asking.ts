// How commands ask the region through this host's daemon, and print the answer.

import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon, type ControlMethod } from '../../control/ask-daemon.ts';
import type { OptionNames } from '../../control/field-refusal.ts';
import { RackError } from '../../ground/errors.ts';
import { print, printJson } from './output.ts';

/** The options that every such command has. */
export interface Where {
  readonly config: string;
  readonly json?: boolean;
}

/** The fields of a form; undefined: not sent. */
export type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The fields that are defined, URL-encoded; each entry of a list by itself. */
export function encodeForm(fields: Fields): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    for (const item of value === undefined ? [] : [value].flat()) form.append(name, String(item));
  return form.toString();
}

/** @param names the options by field, for refusals @throws RackError as `askDaemon` */
export const askRegion = (
  { config }: Where,
  path: string,
  method?: ControlMethod,
  fields?: Fields,
  names?: OptionNames,
): Promise<unknown> =>
  askDaemon(loadStateDir(config).stateDir, path, method, fields && encodeForm(fields), names && { names });

/** @param options that change something @throws RackError `bad-argument` if no field is defined */
export function requireChange(fields: Fields, options: string): void {
  if (Object.values(fields).every((value) => value === undefined))
    throw new RackError('bad-argument', `name a change: add ${options}`);
}

/** Prints the answer as JSON, or what it says to people. @returns 0 */
export function printAnswer({ json = false }: Pick<Where, 'json'>, raw: unknown, text: string | (() => void)): number {
  if (json) printJson(raw);
  else if (typeof text === 'string') print(text);
  else text();
  return 0;
}
