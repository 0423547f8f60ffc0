// Formats a refusal of the region that lists problems by field as lines for a person. Each line
// names its field.

import { z } from 'zod';

/** The shown characters of a refusal. */
const REFUSAL_CHARACTERS_MAX = 1000;

/** The field that contains the parameters of a power driver. Its problems name the parameter. */
const POWER_FIELD = 'power_parameters';
/**
 * Matches the beginning of a problem that names its parameter, or the whole key of its field:
 * `power_on_uri: `, `cluster_interfaces.eth1.hosts[3].ip: `.
 */
const NAMED_PROBLEM = /^([\w.[\]-]{1,200}): /;

/**
 * The options of a command line by the fields of a request, such as `--memory` for `mem`. A field
 * with an empty name is not shown, because its problems say what they are about.
 */
export type OptionNames = Readonly<Record<string, string>>;

const problemsShape = z.record(z.string(), z.array(z.string()));

/**
 * Formats a refusal. If it lists problems by field, each problem becomes one line, which begins
 * with the name of the field unless the problem already names it. Any other text is unchanged. The
 * result has at most REFUSAL_CHARACTERS_MAX characters.
 */
export function formatRefusalLines(answer: string, names: OptionNames = {}): string {
  const text = formatFieldLines(answer.trim(), names);
  if (text.length <= REFUSAL_CHARACTERS_MAX) return text;
  // A line that is cut short could say something else.
  const end = text.lastIndexOf('\n', REFUSAL_CHARACTERS_MAX);
  return text.slice(0, end > 0 ? end : REFUSAL_CHARACTERS_MAX);
}

/** True for a problem that already says what it is about, so that the name of its field is not needed. */
function hasOwnName(field: string, problem: string): boolean {
  const key = NAMED_PROBLEM.exec(problem)?.[1];
  return key !== undefined && (field === POWER_FIELD || key === field || key.endsWith(`.${field}`));
}

function formatFieldLines(text: string, names: OptionNames): string {
  if (!text.startsWith('{')) return text;
  try {
    const problems = Object.entries(problemsShape.parse(JSON.parse(text)));
    const lines = problems.flatMap(([field, fieldProblems]) => {
      const name = Object.hasOwn(names, field) ? names[field] : field;
      return fieldProblems.map((problem) =>
        hasOwnName(field, problem) || name === '' ? problem : `${name}: ${problem}`,
      );
    });
    return lines.join('\n');
  } catch {
    // JSON of any other form is shown unchanged.
    return text;
  }
}
