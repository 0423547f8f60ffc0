// BMCs of machines that run other environments, of machines that report themselves again, and BMCs that are dead.
// @host alone

import { testFoundBmc } from '../cases/found-bmc.ts';

testFoundBmc({ content: 'amd64', bus: 'isa', boots: 2, dies: true });
testFoundBmc({ content: 'amd64-installer', bus: 'isa', boots: 1 });
testFoundBmc({ content: 'amd64', bus: 'pci', boots: 1 });
