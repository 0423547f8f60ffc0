// Forms and their controls as HTML. They work without a script.
//
// 1. Values that a form returns go through `verbatim`, so they come back unchanged.
// 2. Every form that changes something carries the session's `csrf`; a viewer without one gets no form.
// 3. After a refusal the values are shown again, except passwords, and each error next to its field.
// 4. In a form that changes an object, each control also sends a digest of the value that it shows
//    at first (`touched.ts`).

import { type Html, html, nothing, verbatim } from '../../../ground/html.ts';
import { PASSWORD_ADVISED, PASSWORD_MAX, PASSWORD_MIN } from '../../accounts/accounts.ts';
import type { Fields } from '../../api/call/form-body.ts';
import { digestFields, SHOWN } from './touched.ts';
import { codeIn } from './values.ts';
import { fieldValue, type View } from './view.ts';
import { words } from './words.ts';

interface Control {
  readonly name: string;
  readonly label: string | Html;
  readonly hint?: string | Html | undefined;
  readonly value?: string | undefined;
}

const formatControlId = (name: string) => `f-${name}`;

export const faultId = (name: string): string => `${formatControlId(name)}-fault`;

function renderNotes({ faults }: View, { name, hint }: Omit<Control, 'label'>) {
  const fault = faults?.get(name);
  const wrong = fault === undefined ? nothing : html`<p class="fault" id="${faultId(name)}">${codeIn(fault)}</p>`;
  return hint === undefined
    ? wrong
    : html`${wrong}<p class="hint" id="${formatControlId(name)}-hint">${typeof hint === 'string' ? codeIn(hint) : hint}</p>`;
}

function ariaAttributes({ faults }: View, { name, hint }: Omit<Control, 'label'>) {
  const isFaulty = faults?.has(name) === true;
  const notes = [
    ...(isFaulty ? [faultId(name)] : []),
    ...(hint === undefined ? [] : [`${formatControlId(name)}-hint`]),
  ];
  const described = notes.length === 0 ? nothing : html` aria-describedby="${notes.join(' ')}"`;
  return isFaulty ? html`${described} aria-invalid="true" autofocus` : described;
}

const currentValue = (view: View, { name, value }: Control) =>
  view.refusal === undefined ? (value ?? '') : fieldValue(view, name);

/** The view for a form that changes an object. */
export const asChangeForm = (view: View): View => ({ ...view, isChange: true });

/**
 * A hidden field with a digest of what a control shows; empty in a form that adds an object.
 * @param fields what the form sends while nobody changes the control
 */
export function shownDigest(view: View, name: string, fields: Fields): Html {
  if (view.isChange !== true) return nothing;
  view.shown?.set(name, fields);
  return hiddenField(SHOWN + name, digestFields(fields.keys(), fields));
}

const shownValue = (view: View, name: string, ...values: readonly string[]): Html =>
  shownDigest(view, name, new Map([[name, values]]));

export function textField(
  view: View,
  control: Control & {
    readonly type?: 'text' | 'password' | 'email' | 'search';
    readonly required?: boolean | undefined;
    /** True for one of several fields of which one is required: their group says so. */
    readonly isAlternative?: boolean | undefined;
    readonly pattern?: string | undefined;
    readonly autocomplete?: string | undefined;
    readonly placeholder?: string | undefined;
    /** The keys that a phone shows. */
    readonly inputMode?: 'numeric' | undefined;
    readonly charactersMin?: number | undefined;
    readonly charactersMax?: number | undefined;
  },
): Html {
  const { name, label, type = 'text', required, pattern, autocomplete = 'off', placeholder } = control;
  const { charactersMin, charactersMax, isAlternative, inputMode } = control;
  const attributes = [
    type === 'password' ? nothing : html` value="${verbatim(currentValue(view, control))}"`,
    required === true ? REQUIRED : nothing,
    pattern === undefined ? nothing : html` pattern="${pattern}"`,
    placeholder === undefined ? nothing : html` placeholder="${placeholder}"`,
    inputMode === undefined ? nothing : html` inputmode="${inputMode}"`,
    charactersMin === undefined ? nothing : html` minlength="${charactersMin}"`,
    charactersMax === undefined ? nothing : html` maxlength="${charactersMax}"`,
    type === 'text' ? html` autocapitalize="off" spellcheck="false"` : nothing,
  ];
  return html`
    <div class="field"><label for="${formatControlId(name)}">${label}${renderRequiredMark(required, isAlternative)}</label>
    <input id="${formatControlId(name)}" name="${name}" type="${type}" autocomplete="${autocomplete}"${attributes}${ariaAttributes(view, control)}>
    ${type === 'password' ? nothing : shownValue(view, name, control.value ?? '')}${renderNotes(view, control)}</div>`;
}

/** The fields of a new password: `new`, and `again` against typos. */
export function newPasswordFields(view: View, label: string): Html {
  const password = { type: 'password', autocomplete: 'new-password', required: true } as const;
  const rule = { charactersMin: PASSWORD_MIN, charactersMax: PASSWORD_MAX };
  const hint = words.forms.password.hint(PASSWORD_MIN, PASSWORD_ADVISED);
  return html`
    ${textField(view, { ...password, ...rule, name: 'new', label, hint })}
    ${textField(view, { ...password, name: 'again', label: words.forms.password.again(label), charactersMax: PASSWORD_MAX })}`;
}

const optional = () => html` <span class="soft">${words.forms.optional}</span>`;
const renderRequiredMark = (isRequired = false, isAlternative = false) =>
  isRequired || isAlternative ? nothing : optional();
const REQUIRED = html` required`;
/** Browsers drop the first newline of a text area, so one is put before its value. */
const LINE_END = '\n';

export function areaField(
  view: View,
  control: Control & {
    readonly rows?: number;
    readonly required?: boolean;
    readonly isAlternative?: boolean;
    readonly placeholder?: string;
  },
): Html {
  const { name, label, rows = 4, required, isAlternative, placeholder = '' } = control;
  const example = placeholder === '' ? nothing : html` placeholder="${placeholder}"`;
  return html`
    <div class="field"><label for="${formatControlId(name)}">${label}${renderRequiredMark(required, isAlternative)}</label>
    <textarea id="${formatControlId(name)}" name="${name}" rows="${rows}" spellcheck="false"${required === true ? REQUIRED : nothing}
    ${example}${ariaAttributes(view, control)}>${LINE_END}${verbatim(currentValue(view, control))}</textarea>${shownValue(view, name, control.value ?? '')}${renderNotes(view, control)}</div>`;
}

/** A file whose text is sent; its form needs `isUpload`. */
export const fileField = (view: View, control: Omit<Control, 'value'> & { readonly required?: boolean }): Html =>
  html`<div class="field"><label for="${formatControlId(control.name)}">${control.label}${renderRequiredMark(control.required)}</label>
  <input id="${formatControlId(control.name)}" name="${control.name}" type="file"${control.required === true ? REQUIRED : nothing}${ariaAttributes(view, control)}>
  ${renderNotes(view, control)}</div>`;

export type Choice = readonly [value: string, text: string];

/** The longest option, in characters, that a drop-down list shows in full on the narrowest phone. */
const LISTED_CHARACTERS_MAX = 26;
/** The most options that become radio buttons if one of them has a longer text. */
export const CHOICES_SHOWN_MAX = 8;

/**
 * A drop-down list. A few options with long texts become radio buttons instead, because their texts
 * can wrap.
 */
export function choiceField(view: View, control: Control & { readonly choices: readonly Choice[] }): Html {
  const { name, label, choices } = control;
  const offered = (wanted = '') => (choices.some(([value]) => value === wanted) ? wanted : (choices[0]?.[0] ?? ''));
  const chosen = offered(currentValue(view, control));
  const sign = shownValue(view, name, offered(control.value));
  if (choices.length <= CHOICES_SHOWN_MAX && choices.some(([, text]) => text.length > LISTED_CHARACTERS_MAX)) {
    const withoutMeaning = choices.map(([value, text]) => [value, text, ''] as const);
    const unsigned = { ...view, refusal: undefined, isChange: false };
    return html`${sign}${radioField(unsigned, { ...control, value: chosen, choices: withoutMeaning })}`;
  }
  const options = choices.map(
    ([value, text]) =>
      html`<option value="${verbatim(value)}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
  );
  return html`
    <div class="field"><label for="${formatControlId(name)}">${label}</label>
    <select id="${formatControlId(name)}" name="${name}"${ariaAttributes(view, control)}>${options}</select>${sign}${renderNotes(view, control)}</div>`;
}

/** A list in a form of filters, which have no room for labels beside them. */
export function filterSelect(name: string, label: string, choices: readonly Choice[], chosen: string): Html {
  const options = choices.map(
    ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
  );
  return html`<select name="${name}" aria-label="${label}">${options}</select>`;
}

/** A radio button with its texts. */
export const buildChoice = (value: string, { text, meaning }: { readonly text: string; readonly meaning: string }) =>
  [value, text, meaning] as const;

/** Radio buttons, each with a `meaning` that explains it; an empty `meaning` is not shown. */
export function radioField(
  view: View,
  control: Control & { readonly choices: readonly (readonly [value: string, text: string, meaning: string])[] },
): Html {
  const { name, label, choices } = control;
  const chosen = currentValue(view, control);
  const items = choices.map(
    ([value, text, meaning]) =>
      html`<label class="choice"><input type="radio" name="${name}" value="${verbatim(value)}"${value === chosen ? html` checked` : nothing}>
      <span><b>${text}</b>${meaning === '' ? nothing : html`<span class="soft">${meaning}</span>`}</span></label>`,
  );
  return html`<fieldset class="field"><legend>${label}</legend>${items}${shownValue(view, name, control.value ?? '')}${renderNotes(view, control)}</fieldset>`;
}

/** A checkbox: `true` when ticked. */
export function checkField(view: View, control: Control): Html {
  const { name, label } = control;
  const isOn = currentValue(view, control) === 'true';
  return html`
    <div class="field"><label class="choice"><input type="checkbox" name="${name}" value="true"${isOn ? html` checked` : nothing}
    ${ariaAttributes(view, control)}><span><b>${label}</b></span></label>${shownValue(view, name, control.value === 'true' ? 'true' : '')}${renderNotes(view, control)}</div>`;
}

/** Checkboxes with one name, one for each entry that a list may have. */
export function ticksField(
  view: View,
  control: Control & {
    readonly values: readonly string[];
    readonly choices: readonly (readonly [value: string, text: string, meaning?: string])[];
  },
): Html {
  const { name, label, choices, values } = control;
  const ticked = new Set(view.refusal === undefined ? values : view.form.get(name));
  const items = choices.map(
    ([value, text, meaning = '']) =>
      html`<label class="choice"><input type="checkbox" name="${name}" value="${verbatim(value)}"${ticked.has(value) ? html` checked` : nothing}>
      <span><b>${text}</b>${meaning === '' ? nothing : html`<span class="soft">${meaning}</span>`}</span></label>`,
  );
  return html`<fieldset class="field"><legend>${label}</legend>${items}${shownValue(view, name, ...values)}${renderNotes(view, control)}</fieldset>`;
}

/** Controls of one name, such as rows, with the hint and the fault of all. */
export const renderFieldset = (view: View, control: Control, content: Html): Html =>
  html`<fieldset class="field"><legend>${control.label}</legend>${content}${renderNotes(view, control)}</fieldset>`;

/** Fields that belong together, with a sentence about all of them. */
export const renderGroup = (label: string, hint: string, fields: readonly Html[]): Html =>
  html`<fieldset class="field group"><legend>${label}</legend><p class="hint">${hint}</p>${fields}</fieldset>`;

export const hiddenField = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${verbatim(value)}">`;

interface FormParts {
  readonly to?: string;
  readonly body: Html | readonly Html[];
  readonly submit: string;
  readonly tone?: 'primary' | 'plain' | 'danger';
  readonly back?: string;
  /** True if it has a file field. */
  readonly isUpload?: boolean;
  /** The URL of a dry run of the operation with the fields as they are written, for the page's script. */
  readonly check?: string;
  /** True for a single button in a row, without padding. */
  readonly isInline?: boolean;
}

/** A form that changes something; empty for viewers who cannot send one. */
export function renderForm({ viewer }: View, parts: FormParts): Html {
  const { to = '', body, submit, tone = 'primary', back, check, isInline = false, isUpload = false } = parts;
  if (viewer.csrf === '') return nothing;
  const action = to === '' ? nothing : html` action="${to}"`;
  const cancel = back === undefined ? nothing : html`<a class="button plain" href="${back}">${words.forms.cancel}</a>`;
  const button = html`<button class="button ${tone}">${submit}</button>`;
  const buttons = isInline ? button : html`<div class="buttons">${button}${cancel}</div>`;
  const checked = check === undefined ? nothing : html` data-check="${check}"`;
  const encoding = isUpload ? html` enctype="multipart/form-data"` : nothing;
  return html`
    <form method="post"${action}${checked}${encoding} class="${isInline ? 'inline' : 'form'}">
    ${hiddenField('csrf', viewer.csrf)}${body}${buttons}</form>`;
}
