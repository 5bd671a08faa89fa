import { failpoint } from '@holdfast/shared/node/failpoint'

for (let count = 1; count <= 3; count++) {
  await failpoint?.('test.step')
  process.send?.(count)
}
