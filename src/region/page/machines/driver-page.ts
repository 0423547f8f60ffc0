// The form of a machine's power driver: one per driver, built from the driver's parameter table.
//
// 1. A secret parameter is never sent to a browser. An empty field keeps the stored secret.

import { html, nothing } from '../../../ground/html.ts';
import type { PowerParameter } from '../../../power/parameters.ts';
import type { PowerDriverTable } from '../../life/power-life.ts';
import type { Machine } from '../../records/machine.ts';
import type { PowerParameters, PowerValue } from '../../records/power-parameters.ts';
import type { RefusalWord } from '../../records/refusal.ts';
import { asChangeForm, choiceField, hiddenField, renderForm, textField } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import {
  buildOutcome,
  EDIT_MACHINE,
  fieldValue,
  findMachineInPath,
  type Outcome,
  operate,
  type PageDefinition,
  queryValue,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

const listDrivers = ({ region }: View) => region.power?.drivers ?? [];

function driverShown(view: View, machine: Machine) {
  const drivers = listDrivers(view);
  const wanted = fieldValue(view, 'power_type') || queryValue(view, 'driver') || machine.powerType;
  return drivers.find(({ name }) => name === wanted) ?? drivers[0];
}

function parameterField(view: View, machine: Machine, driver: PowerDriverTable, parameter: PowerParameter) {
  const { name, required, secret, choices, default: fallback } = parameter;
  const { label, expects } = words.power.parameter(driver.name, name);
  const stored = machine.powerType === driver.name ? machine.powerParameters[name] : undefined;
  if (secret) {
    const isKept = stored !== undefined && stored !== '';
    return textField(view, {
      name,
      label,
      type: 'password',
      required: required && !isKept,
      autocomplete: 'new-password',
      hint: isKept ? words.power.stored : formatParameterHint(expects),
    });
  }
  const value = stored === undefined ? (fallback ?? '') : String(stored);
  if (choices !== undefined) {
    const texts: Readonly<Record<string, string>> = words.power.choices;
    const offered = choices.map((choice) => [choice, texts[choice] ?? choice] as const);
    const all = required || fallback !== undefined ? offered : [['', words.power.default] as const, ...offered];
    return choiceField(view, { name, label, value, choices: all, hint: formatParameterHint(expects) });
  }
  return textField(view, {
    name,
    label,
    value,
    required,
    placeholder: fallback,
    charactersMax: 1024,
    hint: formatParameterHint(expects),
  });
}

const formatParameterHint = (expects: string | undefined) =>
  expects === undefined ? undefined : words.power.expects(expects);

async function renderDriver(view: View) {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const back = machinePath(machine.systemId);
  const driver = driverShown(view, machine);
  const links = listDrivers(view).map(
    ({ name }) =>
      html`<a href="${back}power/?driver=${encodeURIComponent(name)}"${name === driver?.name ? html` aria-current="true"` : nothing}>${words.power.driver(name)}</a>`,
  );
  const edited = driver?.name === machine.powerType ? asChangeForm(view) : view;
  const form =
    driver === undefined
      ? html`<p class="lead">${words.power.noDrivers}</p>`
      : renderForm(view, {
          to: `${back}power/`,
          body: [
            hiddenField('power_type', driver.name),
            driver.switches === 'nothing' ? html`<p class="hint">${words.power.byHand}</p>` : nothing,
            ...driver.parameters.map((parameter) => parameterField(edited, machine, driver, parameter)),
          ],
          submit: words.forms.save,
          back,
        });
  const title = words.power.title(machine.hostname);
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <nav class="tabs" aria-label="${words.power.drivers}">${links}</nav><div class="sheet narrow">${form}</div>`,
  });
}

/** The form's parameters, with the stored secrets for empty fields. */
function collectPowerParameters(view: View, machine: Machine, driver: PowerDriverTable): PowerParameters {
  const parameters: Record<string, PowerValue> = {};
  for (const { name, secret } of driver.parameters) {
    const value = fieldValue(view, name);
    const stored = machine.powerType === driver.name ? machine.powerParameters[name] : undefined;
    if (value !== '') parameters[name] = value;
    else if (secret && stored !== undefined) parameters[name] = stored;
  }
  return parameters;
}

function byParameter(outcome: Outcome): Outcome {
  if (outcome?.kind !== 'refusal' || outcome.fields === undefined) return outcome;
  const problems = Object.entries(outcome.fields).flatMap(([field, refusals]) =>
    refusals.map((word): readonly [string, readonly RefusalWord[]] =>
      word.part === undefined ? [field, [word]] : [word.part.name, [{ name: word.name, text: word.part.text }]],
    ),
  );
  return { ...outcome, fields: Object.fromEntries(problems) };
}

async function saveDriver(view: View): Promise<Outcome> {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const type = fieldValue(view, 'power_type');
  const driver = listDrivers(view).find(({ name }) => name === type);
  const parameters = driver === undefined ? {} : collectPowerParameters(view, machine, driver);
  const answer = await operate(
    view,
    EDIT_MACHINE,
    { system_id: machine.systemId },
    { power_type: type, power_parameters: JSON.stringify(parameters) },
  );
  const { systemId, hostname } = machine;
  const text = words.power.changed(hostname, words.power.driver(type));
  return byParameter(buildOutcome(answer, machinePath(systemId), text));
}

export const DRIVER_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/power/',
  access: 'admin',
  render: renderDriver,
  act: saveDriver,
  operations: [EDIT_MACHINE],
};
