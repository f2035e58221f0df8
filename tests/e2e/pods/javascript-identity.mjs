// A pod's program: asks STS at the endpoint in argv who it is, with the JavaScript SDK and no configuration, and prints it as JSON.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const client = new STSClient({ endpoint: process.argv[2], region: "us-east-1" });
const { Arn } = await client.send(new GetCallerIdentityCommand({}));
const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
process.stdout.write(JSON.stringify({ arn: Arn, accessKeyId, secretAccessKey, token: sessionToken }));
