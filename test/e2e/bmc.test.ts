// The BMC of a machine that runs the ephemeral environment is found.

import { testFoundBmc } from '../support/found-bmc.ts';

testFoundBmc({ content: 'amd64', bus: 'isa', boots: 1 });
