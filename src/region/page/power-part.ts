// A machine's power on its page: its last known state and age, the driver's message, the current task, and the buttons.
//
// 1. Driver parameters appear only in the administrators' form, and secrets not even there.

import { fullPowerText, maySwitch } from '../life/power-life.ts';
import type { Machine } from '../records/machine.ts';
import type { PowerTask } from '../records/power-task.ts';
import { formOf } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { isSwitched, machinePath } from './machine-actions.ts';
import { cellText, formatAge } from './values.ts';
import { EDIT_MACHINE, mayCall, type View } from './view.ts';

const COLOURS: Readonly<Record<Machine['powerState'], string>> = {
  on: 'green',
  off: 'grey',
  unknown: 'grey',
  error: 'red',
};

const TASK_WORDS: Readonly<Record<PowerTask, string>> = {
  on: 'powering on',
  off: 'powering off',
  'soft-off': 'shutting down',
  cycle: 'power cycling',
};

const BY_HAND = 'by hand';

/** The driver's name as shown. */
export const driverName = ({ powerType }: Pick<Machine, 'powerType'>): string =>
  powerType === '' || powerType === 'manual' ? BY_HAND : powerType;

/** The last known power state of a machine. */
export function powerOf(
  view: Pick<View, 'region' | 'viewer'>,
  machine: Machine,
): {
  readonly state: Machine['powerState'];
  /** `12 s ago`; empty: unknown. */
  readonly age: string;
  /** Why the state could not be read; empty if it could. */
  readonly problem: string;
} {
  const reading = view.region.power?.reading(machine.systemId);
  const age = reading?.ageSeconds === undefined ? '' : formatAge(reading.ageSeconds * 1000);
  const isAdmin = view.viewer.kind === 'person' && view.viewer.isAdmin;
  const problem = reading === undefined ? '' : isAdmin ? fullPowerText(reading) : reading.text;
  return { state: reading?.state ?? machine.powerState, age, problem };
}

/** The state as a coloured pill. */
export const powerPill = (state: Machine['powerState']): Html =>
  html`<span class="pill ${COLOURS[state]}">${state === 'error' ? 'no answer' : state}</span>`;

/** The power task in progress; empty: none. */
export const powerTaskText = ({ powerTask }: Machine): string => (powerTask === undefined ? '' : TASK_WORDS[powerTask]);

/** The tasks on the page, with the labels of their buttons. */
const POWER_BUTTONS: readonly (readonly [task: PowerTask | 'query', label: string])[] = [
  ['on', 'Power on'],
  ['off', 'Power off'],
  ['cycle', 'Power cycle'],
  ['query', 'Check power'],
];

function buttonsOf(view: View, machine: Machine): Html {
  const { viewer } = view;
  if (viewer.kind !== 'person') return nothing;
  const base = `${machinePath(machine.systemId)}power/`;
  const mayEdit = mayCall(viewer, EDIT_MACHINE) ? html`<a class="button plain" href="${base}">Driver</a>` : nothing;
  if (!isSwitched(view.region, machine))
    return mayEdit === nothing ? nothing : html`<div class="card-foot">${mayEdit}</div>`;
  const mayBeSwitched = maySwitch(machine, viewer);
  // During a task, other tasks are refused and the driver cannot be queried.
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

/** The power part of a machine's page. */
export function renderPower(view: View, machine: Machine): Html {
  const { state, age, problem } = powerOf(view, machine);
  const task = powerTaskText(machine);
  const proposed =
    machine.powerIsProposed === true
      ? html`<dt>Proposed</dt><dd>By the machine itself; used once the machine is accepted.</dd>`
      : nothing;
  const name = driverName(machine);
  const isByHand = !isSwitched(view.region, machine);
  const driver = isByHand && name === BY_HAND ? `${name}: press its power button` : name;
  const hint = isByHand && name !== BY_HAND ? html`<dt>Switched</dt><dd>by hand: press its power button</dd>` : nothing;
  return html`
    <section class="sheet"><div class="card-head"><h2>Power</h2>${powerPill(state)}</div>
    <dl class="pairs"><dt>Driver</dt><dd>${driver}</dd>
    ${age === '' ? nothing : html`<dt>Seen</dt><dd>${age}</dd>`}
    ${task === '' ? nothing : html`<dt>Now</dt><dd><b>${task}</b></dd>`}
    ${problem === '' ? nothing : html`<dt>Driver says</dt><dd>${cellText(problem, 'why')}</dd>`}
    ${proposed}${hint}</dl>${buttonsOf(view, machine)}</section>`;
}
