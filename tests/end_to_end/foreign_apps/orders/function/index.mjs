import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const table = process.env.TABLE;
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export const handler = async (event) => {
  const id = event.pathParameters?.id;
  if (event.resource) return { statusCode: 200, body: `${event.httpMethod} ${event.path}` }; // of a REST API
  switch (event.routeKey) {
    case "GET /orders":
      return (await client.send(new ScanCommand({ TableName: table }))).Items.map((each) => each.id).sort();
    case "PUT /orders/{id}":
      await client.send(new PutCommand({ TableName: table, Item: { id, ...JSON.parse(event.body) } }));
      return { statusCode: 201, body: id };
    default: {
      const { Item: found } = await client.send(new GetCommand({ TableName: table, Key: { id } }));
      return found ? { id, total: `${found.total} ${process.env.CURRENCY}` } : { statusCode: 404, body: "no such order" };
    }
  }
};
