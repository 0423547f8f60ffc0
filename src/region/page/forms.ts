// Forms and their controls as HTML. They work without a script.
//
// 1. Every text that was not written in the code goes through `escapeHtml`, also inside attributes; what comes back with the form, through
//    `escapeHeld`.
// 2. Every form that changes something carries the session's `csrf`; who has none gets no form.
// 3. What was given is shown again after a refusal, but for passwords.

import { escapeHeld, escapeHtml } from './html.ts';
import { given, type View } from './view.ts';

/** What all controls have. */
interface Control {
  readonly name: string;
  readonly label: string;
  /** A sentence below it. */
  readonly hint?: string | undefined;
  /** What it holds before anybody writes; default: nothing. */
  readonly value?: string | undefined;
}

const idOf = (name: string): string => `f-${name}`;
const hintOf = ({ name, hint }: Control): string =>
  hint === undefined ? '' : `<p class="hint" id="${idOf(name)}-hint">${escapeHtml(hint)}</p>`;
const describedBy = ({ name, hint }: Control): string =>
  hint === undefined ? '' : ` aria-describedby="${idOf(name)}-hint"`;
const heldIn = (view: View, { name, value }: Control): string =>
  view.refusal === undefined ? (value ?? '') : given(view, name);

/** One line of text. */
export function textField(
  view: View,
  control: Control & {
    readonly type?: 'text' | 'password' | 'email' | 'search';
    readonly required?: boolean | undefined;
    readonly pattern?: string | undefined;
    readonly autocomplete?: string | undefined;
    readonly placeholder?: string | undefined;
    readonly charactersMax?: number | undefined;
  },
): string {
  const { name, label, type = 'text', required, pattern, autocomplete = 'off', placeholder, charactersMax } = control;
  const attributes = [
    `id="${idOf(name)}" name="${escapeHtml(name)}" type="${type}" autocomplete="${autocomplete}"`,
    type === 'password' ? '' : `value="${escapeHeld(heldIn(view, control))}"`,
    required === true ? 'required' : '',
    pattern === undefined ? '' : `pattern="${escapeHtml(pattern)}"`,
    placeholder === undefined ? '' : `placeholder="${escapeHtml(placeholder)}"`,
    charactersMax === undefined ? '' : `maxlength="${charactersMax}"`,
    type === 'text' ? 'autocapitalize="off" spellcheck="false"' : '',
  ].filter((text) => text !== '');
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}${required === true ? '' : OPTIONAL}</label>` +
    `<input ${attributes.join(' ')}${describedBy(control)}>${hintOf(control)}</div>`
  );
}

/** A password that is drawn up now: `new`, and `again` against a slip of the pen. */
export const newPasswordFields = (view: View, label: string): string =>
  [
    ['new', label],
    ['again', 'Once more'],
  ]
    .map(([name = '', text = '']) =>
      textField(view, { name, label: text, type: 'password', autocomplete: 'new-password', required: true }),
    )
    .join('');

const OPTIONAL = ' <span class="soft">optional</span>';

/** Several lines of text. */
export function areaField(
  view: View,
  control: Control & { readonly rows?: number; readonly required?: boolean },
): string {
  const { name, label, rows = 4, required } = control;
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}${required === true ? '' : OPTIONAL}</label>` +
    `<textarea id="${idOf(name)}" name="${escapeHtml(name)}" rows="${rows}" spellcheck="false"${required === true ? ' required' : ''}` +
    `${describedBy(control)}>\n${escapeHeld(heldIn(view, control))}</textarea>${hintOf(control)}</div>`
  );
}

/** A file whose text is taken; its form is `isUpload`. */
export const fileField = (control: Omit<Control, 'value'>): string =>
  `<div class="field"><label for="${idOf(control.name)}">${escapeHtml(control.label)}${OPTIONAL}</label>` +
  `<input id="${idOf(control.name)}" name="${escapeHtml(control.name)}" type="file"${describedBy(control)}>${hintOf(control)}</div>`;

/** One of several, `[value, what people read]`. */
export type Choice = readonly [value: string, text: string];

/** One of several in a list that opens. */
export function choiceField(view: View, control: Control & { readonly choices: readonly Choice[] }): string {
  const { name, label, choices } = control;
  const chosen = heldIn(view, control);
  const options = choices.map(
    ([value, text]) =>
      `<option value="${escapeHeld(value)}"${value === chosen ? ' selected' : ''}>${escapeHtml(text)}</option>`,
  );
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}</label>` +
    `<select id="${idOf(name)}" name="${escapeHtml(name)}"${describedBy(control)}>${options.join('')}</select>${hintOf(control)}</div>`
  );
}

/** One of several, all in sight, each with a sentence of what it means. */
export function radioField(
  view: View,
  control: Control & { readonly choices: readonly (readonly [value: string, text: string, meaning: string])[] },
): string {
  const { name, label, choices } = control;
  const chosen = heldIn(view, control);
  const items = choices.map(
    ([value, text, meaning]) =>
      `<label class="choice"><input type="radio" name="${escapeHtml(name)}" value="${escapeHeld(value)}"${value === chosen ? ' checked' : ''}>` +
      `<span><b>${escapeHtml(text)}</b><span class="soft">${escapeHtml(meaning)}</span></span></label>`,
  );
  return `<fieldset class="field"><legend>${escapeHtml(label)}</legend>${items.join('')}${hintOf(control)}</fieldset>`;
}

/** Yes or no: `true` when it is ticked. */
export function checkField(view: View, control: Control): string {
  const { name, label } = control;
  const isOn = heldIn(view, control) === 'true';
  return (
    `<div class="field"><label class="choice"><input type="checkbox" name="${escapeHtml(name)}" value="true"${isOn ? ' checked' : ''}` +
    `${describedBy(control)}><span><b>${escapeHtml(label)}</b></span></label>${hintOf(control)}</div>`
  );
}

/** A value that the form takes along. */
export const hiddenField = (name: string, value: string): string =>
  `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHeld(value)}">`;

export interface FormParts {
  /** Where it goes; default: the page that it is on. */
  readonly to?: string;
  /** HTML: the controls. */
  readonly body: string;
  /** What the button says. */
  readonly submit: string;
  readonly tone?: 'primary' | 'plain' | 'danger';
  /** Where to go instead; undefined: nothing is offered. */
  readonly back?: string;
  /** It has a file in it. */
  readonly isUpload?: boolean;
  /** It is one button in a row, without room around it. */
  readonly isInline?: boolean;
}

/** A form that changes something; empty for those who cannot send one. */
export function formOf({ viewer }: View, parts: FormParts): string {
  const { to = '', body, submit, tone = 'primary', back, isInline = false, isUpload = false } = parts;
  if (viewer.kind !== 'person' || viewer.csrf === '') return '';
  const action = to === '' ? '' : ` action="${escapeHtml(to)}"`;
  const cancel = back === undefined ? '' : `<a class="button plain" href="${escapeHtml(back)}">Cancel</a>`;
  const button = `<button class="button ${tone}">${escapeHtml(submit)}</button>`;
  const buttons = isInline ? button : `<div class="buttons">${button}${cancel}</div>`;
  return `<form method="post"${action}${isUpload ? ' enctype="multipart/form-data"' : ''} class="${isInline ? 'inline' : 'form'}">${hiddenField('csrf', viewer.csrf)}${body}${buttons}</form>`;
}
