// The power of a machine on its page: what is known of it and how old that is, the driver's own words, what is being done; and its buttons.
//
// 1. No parameter of a driver is shown but in the form for administrators, and of that no secret.

import { fullPowerText, maySwitch } from '../life/power-life.ts';
import type { Machine, PowerTask } from '../records/machine.ts';
import { formOf } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { isSwitched, machinePath } from './machine-actions.ts';
import { formatAge, oneLine } from './values.ts';
import { EDIT_MACHINE, mayCall, type View } from './view.ts';

const COLOURS: Readonly<Record<Machine['powerState'], string>> = {
  on: 'green',
  off: 'grey',
  unknown: 'grey',
  error: 'red',
};

const TASK_WORDS: Readonly<Record<PowerTask, string>> = {
  on: 'being switched on',
  off: 'being switched off',
  'soft-off': 'being asked to shut down',
  cycle: 'being switched off and on',
};

const BY_HAND = 'by hand';

/** What a driver is called. */
export const driverName = ({ powerType }: Pick<Machine, 'powerType'>): string =>
  powerType === '' || powerType === 'manual' ? BY_HAND : powerType;

/** What is known of the power of a machine that is shown. */
export function powerOf(
  view: Pick<View, 'region' | 'viewer'>,
  machine: Machine,
): {
  readonly state: Machine['powerState'];
  /** `12 s ago`; empty: not known. */
  readonly age: string;
  /** Why nobody could say; empty: somebody could. */
  readonly problem: string;
} {
  const reading = view.region.power?.reading(machine.systemId);
  const age = reading?.ageSeconds === undefined ? '' : formatAge(reading.ageSeconds * 1000);
  const isAdmin = view.viewer.kind === 'person' && view.viewer.isAdmin;
  const problem = reading === undefined ? '' : isAdmin ? fullPowerText(reading) : reading.text;
  return { state: reading?.state ?? machine.powerState, age, problem };
}

/** The state as a word in its colour. */
export const powerPill = (state: Machine['powerState']): Html =>
  html`<span class="pill ${COLOURS[state]}">${state === 'error' ? 'no answer' : state}</span>`;

/** What is being done to it; empty: nothing. */
export const powerTaskText = ({ powerTask }: Machine): string => (powerTask === undefined ? '' : TASK_WORDS[powerTask]);

/** The tasks that a person can ask for, with what their buttons say. */
export const POWER_BUTTONS: readonly (readonly [task: PowerTask | 'query', label: string])[] = [
  ['on', 'On'],
  ['off', 'Off'],
  ['cycle', 'Off and on'],
  ['query', 'Ask now'],
];

function buttonsOf(view: View, machine: Machine): Html {
  const { viewer } = view;
  if (viewer.kind !== 'person') return nothing;
  const base = `${machinePath(machine.systemId)}power/`;
  const mayEdit = mayCall(viewer, EDIT_MACHINE) ? html`<a class="button plain" href="${base}">Driver</a>` : nothing;
  if (!isSwitched(view.region, machine))
    return mayEdit === nothing ? nothing : html`<div class="card-foot">${mayEdit}</div>`;
  const mayBeSwitched = maySwitch(machine, viewer);
  // While one thing is being done, another is refused, and nobody can be asked.
  const offered = POWER_BUTTONS.filter(
    ([task]) => machine.powerTask === undefined && (task === 'query' || mayBeSwitched),
  );
  if (offered.length === 0 && mayEdit === nothing) return nothing;
  const buttons = offered.map(([task, label]) =>
    task === 'query' || task === 'on'
      ? formOf(view, { to: `${base}${task}/`, body: nothing, submit: label, tone: 'plain', isInline: true })
      : html`<a class="button plain" href="${base}${task}/">${label}</a>`,
  );
  return html`<div class="card-foot">${buttons}${mayEdit}</div>`;
}

/** The part of the page. */
export function renderPower(view: View, machine: Machine): Html {
  const { state, age, problem } = powerOf(view, machine);
  const task = powerTaskText(machine);
  const proposed =
    machine.powerIsProposed === true
      ? html`<dt>Proposed</dt><dd>The machine said so itself: it is believed once the machine is accepted.</dd>`
      : nothing;
  const name = driverName(machine);
  const isByHand = !isSwitched(view.region, machine);
  const driver = isByHand && name === BY_HAND ? `${name}: press its button` : name;
  const hint = isByHand && name !== BY_HAND ? html`<dt>Switched</dt><dd>by hand: press its button</dd>` : nothing;
  return html`
    <section class="sheet"><div class="card-head"><h2>Power</h2>${powerPill(state)}</div>
    <dl class="pairs"><dt>Driver</dt><dd>${driver}</dd>
    ${age === '' ? nothing : html`<dt>Seen</dt><dd>${age}</dd>`}
    ${task === '' ? nothing : html`<dt>Now</dt><dd><b>${task}</b></dd>`}
    ${problem === '' ? nothing : html`<dt>Driver says</dt><dd>${oneLine(problem, 'why')}</dd>`}
    ${proposed}${hint}</dl>${buttonsOf(view, machine)}</section>`;
}
