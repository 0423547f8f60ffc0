// Sentences of the event log, for tests that read what people read.

import type { MacAddress } from '../../src/net/address.ts';
import type { PowerDetail } from '../../src/power/detail.ts';
import type { ParameterProblem } from '../../src/power/parameters.ts';
import type { Happening } from '../../src/region/records/event-params.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import { loggedSentence, remarkSentence } from '../../src/region/words/event.ts';
import { refusal, sentenceOf as refusalSentence } from '../../src/region/words/refusal.ts';
import { powerText } from '../../src/region/words/text.ts';

/** The sentence of an event; empty if there is none. */
export const sentenceOf = (event: (Happening & { readonly stranger?: MacAddress | undefined }) | undefined): string =>
  event === undefined ? '' : loggedSentence(event);

/** The sentence about a power action or query. */
export const textOf = (outcome: { readonly detail?: PowerDetail | undefined } | undefined): string =>
  powerText(outcome?.detail);

/** A power controller's words. */
export const spoken = (said: string): PowerDetail => ({ code: 'acknowledged', params: { said } });

/** The sentence about a wrong power parameter. */
export const problemText = (problem: ParameterProblem): string =>
  refusalSentence(refusal('field.power-parameter', problem));

/** Why a machine is in its state. */
export const reasonOf = (machine: Pick<Machine, 'statusReason'> | undefined): string =>
  remarkSentence(machine?.statusReason);
