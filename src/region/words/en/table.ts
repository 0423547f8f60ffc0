// The types of tables of sentences, and phrases that several tables share.

import { counted } from '../../../counted.ts';
import type { Doubt, EventCode, EventParams } from '../../records/event-params.ts';
import type { RemarkParams } from '../../records/remark.ts';
import type { RefusalName } from './reasons.ts';

/** A sentence without parameters, or a function that writes one from its parameters. */
type Writer = string | ((params: never) => string);

/** The first part of a code: the name of the refusal, or `field` for the fault of one parameter (`invalid-parameters`). */
type Root = RefusalName | 'field';

/** Sentences by code: a name, or a name, a dot and a word that distinguishes its sentences, such as `not-found.script`. */
export type RefusalTable = { readonly [Code in Root | `${Root}.${string}`]?: Writer };

/** The writer of each sentence, from its parameters. */
export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

/** A sentence for each event. */
export type EventWords = Writers<EventParams>;

/** A sentence for each remark that is not an event. */
export type RemarkWords = Omit<Writers<RemarkParams>, EventCode>;

/** A sentence for each doubt while it is open. */
export type DoubtWords = Pick<EventWords, Doubt['code']>;

/** How many machines and devices something has, and the first of them. */
export const inhabitantsText = ({
  machines,
  count,
}: {
  readonly machines: readonly string[];
  readonly count: number;
}): string =>
  `${counted(count, 'machine or device', 'machines and devices')}: ${machines.join(', ')}${count > machines.length ? ` and ${count - machines.length} more` : ''}`;

/** How many machines and devices a user has, and how they are given up. */
export function ownedText(machines: number, devices: number): string {
  const them = machines + devices === 1 ? 'it' : 'them';
  if (devices === 0) return `${counted(machines, 'machine')}: release ${them}`;
  if (machines === 0) return `${counted(devices, 'device')}: delete ${them}`;
  return `${counted(machines, 'machine')} and ${counted(devices, 'device')}: release machines and delete devices`;
}

/** A question about what was probably meant, to append to a sentence; empty if nothing is similar. */
export const didYouMean = (meant: string | undefined): string => (meant === undefined ? '' : ` Did you mean ${meant}?`);

/** The owner, in words that follow a machine's name. */
export const whose = (owner: string | undefined): string =>
  owner === undefined ? 'has no owner' : `belongs to ${owner}`;
