// What is wrong with a parameter of a power driver.

import type { ParameterFault, ParameterProblem } from '../../../power/parameters.ts';

/** The fault, to put after its parameter. */
export function faultText(fault: ParameterFault): string {
  switch (fault.kind) {
    case 'missing':
    case 'invalid':
      return `is ${fault.kind}; give ${fault.expects}`;
    case 'port':
      return `no port ${fault.port}`;
    case 'unknown': {
      const hint = fault.meant.length === 0 ? '' : `; did you mean ${fault.meant.join(', ')}?`;
      return `not a parameter of this driver, which has ${fault.known.join(', ') || 'none'}${hint}`;
    }
  }
}

/** The fault with its parameter. */
export const problemText = ({ parameter, fault }: ParameterProblem): string => `${parameter}: ${faultText(fault)}`;
