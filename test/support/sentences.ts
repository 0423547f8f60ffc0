// Sentences of the event log, for tests that read what people read.

import type { MacAddress } from '../../src/ground/address.ts';
import type { PowerDetail } from '../../src/power/detail.ts';
import { type Happening, loggedSentence, remarkSentence } from '../../src/region/records/events.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import { powerText } from '../../src/region/records/power-words.ts';

/** The sentence of an event; empty if there is none. */
export const sentenceOf = (event: (Happening & { readonly stranger?: MacAddress | undefined }) | undefined): string =>
  event === undefined ? '' : loggedSentence(event);

/** The sentence about a power action or query. */
export const textOf = (outcome: { readonly detail?: PowerDetail | undefined } | undefined): string =>
  powerText(outcome?.detail);

/** A power controller's words. */
export const spoken = (said: string): PowerDetail => ({ code: 'acknowledged', params: { said } });

/** Why a machine is in its state. */
export const reasonOf = (machine: Pick<Machine, 'statusReason'> | undefined): string =>
  remarkSentence(machine?.statusReason);
